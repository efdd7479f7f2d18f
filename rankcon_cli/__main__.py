"""``python -m rankcon_cli``: the same program as the ``rankcon`` script."""

from rankcon_cli.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
