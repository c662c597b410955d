"""E-mail gateway of ICTCore: SMTP out; LMTP, SMTP and a pipe in; bounces matched to the attempt that they are about."""

__version__ = "0.1.0"
