"""``python -m harmonium`` is the command line."""

from harmonium.apps.cli.main import main

if __name__ == "__main__":
    main()
