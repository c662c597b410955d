"""The tables, one module per family."""

from ictcore.store.models.base import Table
from ictcore.store.models.delivery import Inbox, Spool, SpoolResult, Transmission
from ictcore.store.models.identity import (
    Idempotency,
    IdentityVersion,
    LoginThrottle,
    Permission,
    RevokedToken,
    Role,
    RolePermission,
    UserPermission,
    UserRole,
    Usr,
)
from ictcore.store.models.infrastructure import Leader, Node, Provider, ProviderLoad, Worker
from ictcore.store.models.message import Document, Recording, Template, TemplateAttachment, Text
from ictcore.store.models.party import Account, Contact, ContactGroup, ContactLink, Dnc, ImportReport
from ictcore.store.models.program import Campaign, Program, ProgramResource, Route, Task

ALL: tuple[type[Table], ...] = (
    Usr, Role, Permission, UserRole, UserPermission, RolePermission, RevokedToken, IdentityVersion, LoginThrottle,
    Idempotency, Account, Contact, ContactGroup, ContactLink, Dnc, ImportReport, Text, Template, TemplateAttachment,
    Document, Recording, Program, ProgramResource, Route, Campaign, Task, Transmission, Spool, SpoolResult, Inbox,
    Node, Provider, ProviderLoad, Worker, Leader,
)  # fmt: skip
"""Every table, in an order in which they can be created."""

__all__ = [
    "ALL",
    "Account",
    "Campaign",
    "Contact",
    "ContactGroup",
    "ContactLink",
    "Dnc",
    "Document",
    "Idempotency",
    "IdentityVersion",
    "ImportReport",
    "Inbox",
    "Leader",
    "LoginThrottle",
    "Node",
    "Permission",
    "Program",
    "ProgramResource",
    "Provider",
    "ProviderLoad",
    "Recording",
    "RevokedToken",
    "Role",
    "RolePermission",
    "Route",
    "Spool",
    "SpoolResult",
    "Table",
    "Task",
    "Template",
    "TemplateAttachment",
    "Text",
    "Transmission",
    "UserPermission",
    "UserRole",
    "Usr",
    "Worker",
]
