"""`python -m lzeval`."""

from lzeval.cli.main import main

if __name__ == "__main__":
    main()
