"""`python -m workers.runtime`. A package's `__main__` is not imported again by job processes."""

if __name__ == "__main__":
    import gc

    from agents.warm import start_forkserver

    start_forkserver()

    # Of what is loaded nothing becomes garbage: to look for some takes a sixth of the time, now and later.
    gc.disable()
    from workers.runtime.host import main

    gc.freeze()
    gc.enable()

    main()
