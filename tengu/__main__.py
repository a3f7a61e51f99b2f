"""`python -m tengu`: the same as `tengu`."""

from tengu.cli import main

main()
