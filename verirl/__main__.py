"""`python -m verirl`: the command line."""

from verirl.cli import main

if __name__ == "__main__":
    main()
