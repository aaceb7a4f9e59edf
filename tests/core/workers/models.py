"""A model, in a module that workers import only when one comes: pydantic is a large part of their start."""

from pydantic import BaseModel

from tests.core.workers.tools import Person


class Order(BaseModel):
    number: int
    by: Person
    notes: list[str] = []
    _seen: int = 0
