"""A program that takes rewards and uses coupons with four threads; made to be killed.

Started once, it imports everything and then forks a child a line of standard input
(`run SEED`). The child writes `ack KEY` after each commit, the parent `pid P` before and `ended`
after.
"""

import os
import random
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from sqlalchemy.engine import Engine
from sqlmodel import Session

from carbonaccount.app import import_models
from carbonaccount.audit import SYSTEM
from carbonaccount.database import make_engine, open_session
from carbonaccount.errors import DomainError
from carbonaccount.racing import committed
from rewards import redeeming
from tests.rewards.redeeming.arranging import NOW, Shop, redeem, use

THREADS = 4


def act(session: Session, shop: Shop, people: list[int], key: str, choice: float) -> None:
    """Take a reward; then keep, use, undo or cancel it, all in one transaction."""
    clerk, *holders = people
    coupon = redeem(session, shop, random.Random(key).choice(holders), key)
    if choice < 0.4 or coupon.status != "issued":
        return
    if choice < 0.6:
        redeeming.cancel(
            session,
            coupon_id=coupon.stored_id,
            account_id=coupon.account_id,
            acting_user=SYSTEM,
            now=NOW,
        )
        return
    use(session, shop, coupon, clerk)
    if choice > 0.8:
        redeeming.undo_use(
            session,
            coupon_id=coupon.stored_id,
            merchant_id=shop.merchant_id,
            reason="x",
            acting_user=SYSTEM,
            now=NOW,
        )


def work(engine: Engine, shop: Shop, people: list[int], seed: str) -> None:
    """Act until killed, and say so after each commit."""
    chance, number = random.Random(seed), 0
    while True:
        key, choice = f"{seed}-{number}", chance.random()
        with open_session(engine) as session:
            try:
                committed(session, partial(act, shop=shop, people=people, key=key, choice=choice))
            except DomainError as error:
                os.write(1, f"refused {error.code}\n".encode())
            else:
                os.write(1, f"ack {key}\n".encode())
        number += 1


def main(url: str, shop: Shop, people: list[int]) -> None:
    """Serve commands until standard input ends."""
    import_models()
    for line in sys.stdin:
        begin, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.read(begin, 1)  # The parent names the child before the child says anything.
            engine = make_engine(url)
            with ThreadPoolExecutor(THREADS) as pool:
                for thread in range(THREADS):
                    pool.submit(work, engine, shop, people, f"{line.strip()}.{thread}")
        os.write(1, f"pid {pid}\n".encode())
        os.write(write, b"!")
        os.waitpid(pid, 0)
        os.close(begin)
        os.close(write)
        os.write(1, b"ended\n")


if __name__ == "__main__":
    numbers = [int(text) for text in sys.argv[2].split(",")]
    reward_id, merchant_id, till_id, budget_id, *people = numbers
    main(sys.argv[1], Shop(reward_id, merchant_id, till_id, budget_id, ""), people)
