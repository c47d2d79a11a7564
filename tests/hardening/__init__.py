"""Fuzzing, soaking and tormenting: proof that the programs bear what comes, kept in the repository.

    make fuzz SECONDS=600     random bytes for every decoder, every conversation, and server and client over sockets
    make soak MINUTES=30      half of the highest rate, with members that come and go
    make torment              one attack after another, while a canary room chats and others create and join

They stand among the tests and not in `benchmarks/`, because they judge: each has a short form that `make test` runs,
and a wrong program makes them fail. The long forms are run by hand, before a release.
"""
