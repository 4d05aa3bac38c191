"""`python -m workers.runtime`. Named `__main__` in a package: job processes do not import such a module again."""

if __name__ == "__main__":
    from workers.runtime.host import main

    main()
