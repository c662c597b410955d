"""Users, roles, permissions, and what protects logins."""

from __future__ import annotations

from peewee import BigIntegerField, CompositeKey, DoubleField, ForeignKeyField, TextField

from ictcore.store.models.base import Id, Owned, Table, index, number, real, text


class Usr(Owned):
    """A user. ``tokens_from``: tokens issued before this time are revoked."""

    username = TextField(unique=True)
    password_hash = text()
    first_name = text()
    last_name = text()
    phone = text()
    email = TextField(null=True, unique=True)
    address = text()
    company = text()
    country_id = BigIntegerField(null=True)
    language_id = text()
    timezone_id = BigIntegerField(null=True)
    active = number(1)
    tokens_from = real()

    class Meta:
        table_name = "usr"


class Role(Table):
    """A named set of permissions."""

    id = Id()
    name = TextField(unique=True)
    description = text()


class Permission(Table):
    """A permission name."""

    id = Id()
    name = TextField(unique=True)
    description = text()


class UserRole(Table):
    """A user holds a role."""

    user = ForeignKeyField(Usr, on_delete="CASCADE")
    role = ForeignKeyField(Role, on_delete="CASCADE")

    class Meta:
        primary_key = CompositeKey("user", "role")


class UserPermission(Table):
    """A user holds a permission by himself."""

    user = ForeignKeyField(Usr, on_delete="CASCADE")
    permission = ForeignKeyField(Permission, on_delete="CASCADE")

    class Meta:
        primary_key = CompositeKey("user", "permission")


class RolePermission(Table):
    """A role grants a permission."""

    role = ForeignKeyField(Role, on_delete="CASCADE")
    permission = ForeignKeyField(Permission, on_delete="CASCADE")

    class Meta:
        primary_key = CompositeKey("role", "permission")


class RevokedToken(Table):
    """A token that was cancelled before its time; the row may go when ``expires_at`` has passed."""

    jti = TextField(primary_key=True)
    expires_at = DoubleField()


class IdentityVersion(Table):
    """One row (id 1). ``version`` grows with every change of users, roles, permissions or revocations, in the same
    transaction: who has seen this version may go on using what he remembers."""

    id = BigIntegerField(primary_key=True)
    version = number(0)


class LoginThrottle(Table):
    """Failed logins per key (user name, or network address) within the current window."""

    key = TextField(primary_key=True)
    failures = number(0)
    window_ends_at = DoubleField()


class Idempotency(Table):
    """The answer to a request that carried an ``Idempotency-Key``."""

    id = Id()
    user_id = BigIntegerField()
    operation = TextField()
    key = TextField()
    fingerprint = TextField()
    response = text()
    created_at = DoubleField()


index(Idempotency, "idempotency_key", "user_id", "operation", "key", unique=True)
index(Idempotency, "idempotency_age", "created_at")
index(RevokedToken, "revoked_token_expiry", "expires_at")
