"""`python -m workers.runtime`. A package's `__main__` is not imported again by job processes."""

if __name__ == "__main__":
    from agents.warm import start_forkserver

    start_forkserver()

    from workers.runtime.host import main

    main()
