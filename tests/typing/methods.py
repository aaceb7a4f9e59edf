"""User code with guarded methods, as type checkers see it. It is checked, never run."""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from typing import assert_type

from agentguard import guard


class Shop:
    @guard(max_retries=1)
    def price(self, item: str, count: int = 1) -> float:
        return len(item) * count

    @guard
    async def stock(self, item: str) -> int:
        return len(item)

    @guard(timeout=5)
    @staticmethod
    def currency(country: str) -> str:
        return country

    async def use(self) -> None:
        assert_type(self.price("tea"), float)
        assert_type(await self.stock("tea"), int)


async def through_an_instance(shop: Shop) -> None:
    assert_type(shop.price("tea", count=2), float)
    assert_type(await shop.price.acall("tea"), float)
    assert_type(await shop.stock("tea"), int)
    assert_type(await shop.stock.acall("tea"), int)
    # Only through the class: checkers show a static method to a decorator as a plain function, which then binds.
    assert_type(Shop.currency("uk"), str)


def wrong_arguments(shop: Shop) -> None:
    shop.price()  # type: ignore[call-arg]
    shop.price(5)  # type: ignore[arg-type]
    shop.price("tea", size=3)  # type: ignore[call-arg]
    Shop.currency(5)  # type: ignore[arg-type]
