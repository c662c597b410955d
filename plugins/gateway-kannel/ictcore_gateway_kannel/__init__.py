"""SMS through Kannel: box protocol or sendsms over HTTP."""
