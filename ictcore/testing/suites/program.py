"""The suite that every program type must pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec
import pytest

from ictcore.domain.plan import check
from ictcore.spec import FLAGS, Compilation, InvalidInput, Plan, ProgramType
from ictcore.testing.suites.gateway_safety import HOSTILE


class ProgramSuite:
    """Subclass it, override the fixture ``program_type``, and give ``good`` (and ``bad``) parameters."""

    good: ClassVar[Sequence[Mapping[str, Any]]] = ()
    """Parameters that it takes, as JSON objects."""
    bad: ClassVar[Mapping[str, Sequence[Mapping[str, Any]]]] = {}
    """Field -> parameters that are refused because of that field."""
    rows: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """For every reference, the row that it points to."""

    @pytest.fixture
    def program_type(self) -> ProgramType:
        """What the plugin registers."""
        raise NotImplementedError("the fixture program_type is needed")

    def compiled(self, program_type: ProgramType, given: Mapping[str, Any], name: str = "Ada") -> Plan:
        """The plan for a contact called ``name``."""
        parameters = msgspec.convert(given, program_type.parameters)
        set_ones = {field: self.rows[field] for field in program_type.references if given.get(field) is not None}
        person = {"first_name": name, "last_name": name, "phone": "+442071838750", "email": "ada@example.org"}
        tokens = {"contact": person, "account": person, "transmission": {"title": name, "contact": person}}
        return program_type.compile(Compilation(parameters, set_ones, tokens))

    def test_it_says_what_it_is(self, program_type: ProgramType) -> None:
        """Its names are ones that the core can use, and its parameters have a schema."""
        assert program_type.name.isidentifier()
        assert program_type.service in FLAGS
        assert program_type.direction in ("outbound", "inbound")
        (_, definitions) = msgspec.json.schema_components([program_type.parameters])
        properties = definitions[program_type.parameters.__name__]["properties"]
        assert set(program_type.references) <= set(properties)
        assert not {"name", "type", "parent_id", "program_id"} & set(properties), "every program has these already"

    def test_good_parameters_compile_to_a_sound_plan_of_plain_data(self, program_type: ProgramType) -> None:
        """Steps and edges fit, and all of it is JSON."""
        assert self.good, "give some parameters"
        for given in self.good:
            plan = self.compiled(program_type, given)
            check(plan)
            assert plan == self.compiled(program_type, given), "compiling is not pure"
            for step in plan.steps:
                assert msgspec.json.decode(msgspec.json.encode(dict(step.data))) == dict(step.data)

    def test_parameters_come_back_from_the_store(self, program_type: ProgramType) -> None:
        """Written as JSON and read again they are equal."""
        for given in self.good:
            parameters = msgspec.convert(given, program_type.parameters)
            assert msgspec.json.decode(msgspec.json.encode(parameters), type=program_type.parameters) == parameters

    def test_bad_parameters_name_their_field(self, program_type: ProgramType) -> None:
        """The error names the field that is wrong."""
        for field, cases in self.bad.items():
            for given in cases:
                with pytest.raises((msgspec.ValidationError, InvalidInput)) as caught:
                    msgspec.convert(given, program_type.parameters)
                error = caught.value
                named = error.fields if isinstance(error, InvalidInput) else str(error)
                assert field in named, f"{field} is not named: {error!r}"

    def test_a_contact_may_be_called_anything(self, program_type: ProgramType) -> None:
        """No name changes the shape of the plan."""
        for given in self.good:
            for name in HOSTILE:
                try:
                    plan = self.compiled(program_type, given, name)
                except InvalidInput:
                    continue
                assert len(check(plan).steps) == len(self.compiled(program_type, given).steps)
                written = msgspec.json.encode([dict(step.data) for step in plan.steps])
                assert b"\\u0000" not in written, "the character NUL came in by a token"

    def test_routes_fit_the_direction(self, program_type: ProgramType) -> None:
        """Inbound programs ask for routes, outbound ones do not."""
        for given in self.good:
            parameters = msgspec.convert(given, program_type.parameters)
            rows = {field: self.rows[field] for field in program_type.references if given.get(field) is not None}
            routes = list(program_type.routes(parameters, rows))
            assert bool(routes) == (program_type.direction == "inbound")
            assert all(route.service == program_type.service for route in routes)
