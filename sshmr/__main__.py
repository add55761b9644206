"""``python -m sshmr``."""

from sshmr.cli.app import main

if __name__ == "__main__":
    main()
