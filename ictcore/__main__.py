"""``python -m ictcore``"""

from ictcore.cli.main import main

if __name__ == "__main__":
    main()
