"""What is asked of models of aligned sequences: contacts, mutations, new sequences.

For models that were fitted on an :class:`harmonium.Alignment`.
"""

from __future__ import annotations

from harmonium.questions.sequences.contacts import contacts
from harmonium.questions.sequences.design import design, nearest
from harmonium.questions.sequences.mutations import mutations
from harmonium.questions.sequences.pictures import contact_map, mutation_map

__all__ = ["contact_map", "contacts", "design", "mutation_map", "mutations", "nearest"]
