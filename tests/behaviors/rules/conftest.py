"""The office, for every test of rules."""

from tests.behaviors.rules.drafts import office as office
