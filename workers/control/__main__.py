"""`python -m workers.control`."""

if __name__ == "__main__":
    from workers.control.worker import main

    main()
