"""How a command ends, for scripts and for the supervisor."""

#: What scripts know as "used wrongly": trying again cannot help (domain.errors.Rejected).
EXIT_REJECTED = 2
#: sysexits.h EX_TEMPFAIL: trying again may help (domain.errors.Transient).
EXIT_TRANSIENT = 75
#: What shells know of a command that Ctrl-C ended: 128 + SIGINT.
EXIT_INTERRUPTED = 130
