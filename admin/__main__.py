"""`python -m admin` is `cxr-triage`: how the supervisor starts its children with the same interpreter."""

from admin.cli import main

main()
