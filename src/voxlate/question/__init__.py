"""What a model of several targets is asked: which contrasts there are, which is wanted, and how they are acquired."""

from voxlate.question.query import (
    ANY,
    Acquisitions,
    Query,
    answer_with,
    arrays_for,
    main_questions,
    numbers_of,
    questions,
)

__all__ = ["ANY", "Acquisitions", "Query", "answer_with", "arrays_for", "main_questions", "numbers_of", "questions"]
