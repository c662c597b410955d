"""Both sides of a conversation: our accounts, and their contacts."""

from __future__ import annotations

from peewee import BigIntegerField, CompositeKey, DoubleField

from ictcore.store.models.base import Owned, Table, index, number, text


class Account(Owned):
    """Our side: a mailbox, an extension, a DID. ``created_by`` is NULL while it is free to be assigned."""

    type = text("account")
    username = text()
    passwd = text()
    passwd_pin = text()
    first_name = text()
    last_name = text()
    phone = text()
    email = text()
    address = text()
    active = number(1)
    settings = text("{}")


class Contact(Owned):
    """The other side."""

    first_name = text()
    last_name = text()
    phone = text()
    email = text()
    address = text()
    custom1 = text()
    custom2 = text()
    custom3 = text()
    description = text()


class ContactGroup(Owned):
    """A named set of contacts. ``contact_total`` is kept with every link that is made or removed."""

    name = text()
    description = text()
    contact_total = number(0)


class ContactLink(Table):
    """A contact is in a group. No foreign keys: checking them row by row would take longer than an import itself; who
    deletes a contact or a group deletes its links too."""

    group_id = BigIntegerField()
    contact_id = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("group_id", "contact_id")


class Dnc(Owned):
    """An address that must not be contacted: by this user, or by anybody when ``created_by`` is NULL."""

    service_flag = number(0)
    address = text()
    reason = text()
    evidence = text()


class ImportReport(Owned):
    """What became of one CSV import. ``bad_rows``: JSON list of ``{line, field, reason}``, cut at a limit."""

    group_id = BigIntegerField()
    status = text("running")
    total = number(0)
    imported = number(0)
    duplicates = number(0)
    failed = number(0)
    bad_rows = text("[]")
    finished_at = DoubleField(null=True)


index(ContactLink, "contact_link_contact", "contact_id")
index(Account, "account_owner", "created_by", "id")
index(Account, "account_name", "type", "username", unique=True, where="username <> ''")
index(Account, "account_phone", "phone", where="phone <> ''")
index(Account, "account_email", "email", where="email <> ''")
index(Contact, "contact_owner", "created_by", "id")
index(Contact, "contact_phone", "created_by", "phone")
index(Contact, "contact_email", "created_by", "email", where="email <> ''")
index(ContactGroup, "contact_group_owner", "created_by", "id")
index(Dnc, "dnc_address", "address", "service_flag", "created_by", unique=True)
index(ImportReport, "import_report_group", "group_id", "id")
