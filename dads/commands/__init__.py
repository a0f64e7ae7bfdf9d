"""The commands of `dads`, one module each: options and messages; other rooms of `dads` do the work.

First `demo`, which shows the whole system; then `cloud`, `edge` and `link`, which run it; `profile`, `plan`, `graph`
and `models`, which prepare it; `request` and `health`, which test a service.
"""
