"""Everything mini-Tulu reads: prose for the base, conversations for tuning, and the held-out questions.

What is held out is decided by a hash of the operands (`held_out`), never by chance, so prose, conversations and
questions can each be generated alone. Facts cannot be new; for them the wordings of the questions are.
"""

import hashlib
import itertools
import random

from wordings import (BACKWARDS, CAPITAL, CLOSINGS, COUNT, DAY_AFTER, DAY_BEFORE, DIFFERENCE, FALLING, FIRST, LAST,
                      MONTH_AFTER, MONTH_BEFORE, OPENINGS, OPPOSITE, PRODUCT, RISING, SORT_WORDS, SPELL, SUM, TALK,
                      TWICE)
from words import CAPITALS, DAYS, MONTHS, NOUNS, OPPOSITES, PEOPLE, PLACES, SORTED_NOUNS, THINGS

HELD_OUT_PERCENT = {"sum": 8, "difference": 8, "product": 15, "word": 12, "numbers": 8, "words": 8}


def held_out(kind, operands):
    digest = hashlib.sha256(f"{kind}:{operands}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % 100 < HELD_OUT_PERCENT[kind]


def made_up_word(rng):
    starts = "b c d f g h j k l m n p r s t v w z br cl cr dr fl gr pl pr sh sl sp st th tr".split()
    ends = ["", "", "", "n", "r", "l", "t", "s", "m", "nd", "st", "ck", "ll", "ng"]
    syllables = [rng.choice(starts) + rng.choice("aeiou") + rng.choice(ends) for _ in range(rng.choice([1, 2, 2, 3]))]
    return "".join(syllables)[:10]


def mixed_word(rng):
    """The beginning of one noun and the end of another: new words out of the pieces that nouns are made of."""
    first, second = rng.sample(NOUNS, 2)
    return (first[:rng.randrange(1, len(first) + 1)] + second[rng.randrange(len(second)):])[:10]


class Operands:
    """Draws operands, all of them held out or none, and notes what it drew.

    `small` is the share of single digits in sums (and in lists with `small_lists`), `mixed` that of mixed words.
    """

    def __init__(self, rng, held, small=0.0, mixed=0.0):
        self.rng, self.held, self.small, self.mixed, self.drawn = rng, held, small, mixed, set()
        self.small_lists = False

    def _number(self):
        return self.rng.randrange(10 if self.small and self.rng.random() < self.small else 100)

    def _draw(self, kind, make, key=lambda operands: operands):
        while True:
            operands = make()
            if held_out(kind, key(operands)) == self.held:
                self.drawn.add((kind, key(operands)))
                return operands

    def sum(self):
        return self._draw("sum", lambda: (self._number(), self._number()), lambda pair: tuple(sorted(pair)))

    def difference(self):
        return self._draw("difference", lambda: tuple(sorted((self._number(), self._number()))))[::-1]

    def product(self):
        """A factor of 2 or 10 with any number under 100; the small table is known by heart, so never held out."""
        if not self.held and self.rng.random() < 0.4:
            return self.rng.randrange(1, 10), self.rng.randrange(1, 10)
        factors = self._draw("product", lambda: (self.rng.choice([2, 2, 10]), self.rng.randrange(10, 100)))
        return factors if self.rng.random() < 0.6 else factors[::-1]

    def word(self, longest=10):
        real = 1.0 if self.held else 0.6

        def make():
            while True:
                if self.mixed and self.rng.random() < self.mixed:
                    word = mixed_word(self.rng)
                else:
                    word = self.rng.choice(NOUNS) if self.rng.random() < real else made_up_word(self.rng)
                if len(word) <= longest:
                    return word

        return self._draw("word", make)

    def numbers(self):
        def make():
            count = self.rng.choice([3, 3, 4, 4, 5])
            if not self.small_lists:
                return self.rng.sample(range(100), count)
            numbers = {}
            while len(numbers) < count:
                numbers[self._number()] = True
            return list(numbers)

        return self._draw("numbers", make, lambda numbers: tuple(sorted(numbers)))

    def words(self):
        def make():
            while True:
                words = self.rng.sample(SORTED_NOUNS, self.rng.choice([3, 3, 4]))
                if len({word[0] for word in words}) == len(words):
                    return words

        return self._draw("words", make, lambda words: tuple(sorted(words)))


def spelled(word):
    return "-".join(word)


def listed(items):
    return ", ".join(str(item) for item in items)


class Questions:
    """Makes (question, answer) of a kind: `new_wordings` chooses the wordings that no conversation has."""

    def __init__(self, rng, held=False):
        self.rng, self.held, self.operands = rng, held, Operands(rng, held)

    def _wording(self, family):
        known, new = family
        return self.rng.choice(new if self.held and new else known)

    def sum(self):
        a, b = self.operands.sum()
        return self._wording(SUM).format(a=a, b=b, things=self.rng.choice(THINGS)), str(a + b)

    def difference(self):
        a, b = self.operands.difference()
        return self._wording(DIFFERENCE).format(a=a, b=b, things=self.rng.choice(THINGS)), str(a - b)

    def product(self):
        a, b = self.operands.product()
        if a == 2 and self.rng.random() < 0.4:
            return self._wording(TWICE).format(b=b), str(2 * b)
        return self._wording(PRODUCT).format(a=a, b=b), str(a * b)

    def _of_word(self, family, answer, longest=10):
        word = self.operands.word(longest)
        return self._wording(family).format(word=word), str(answer(word))

    def spelling(self):
        return self._of_word(SPELL, spelled)

    def first_letter(self):
        return self._of_word(FIRST, lambda word: word[0])

    def last_letter(self):
        return self._of_word(LAST, lambda word: word[-1])

    def letter_count(self):
        return self._of_word(COUNT, len)

    def backwards(self):
        return self._of_word(BACKWARDS, lambda word: spelled(word[::-1]), longest=5)

    def sorted_numbers(self):
        numbers, falling = self.operands.numbers(), self.rng.random() < 0.25
        return (self._wording(FALLING if falling else RISING).format(items=listed(numbers)),
                listed(sorted(numbers, reverse=falling)))

    def sorted_words(self):
        words = self.operands.words()
        return self._wording(SORT_WORDS).format(items=listed(words)), listed(sorted(words))

    def opposite(self):
        pair = list(self.rng.choice(OPPOSITES))
        self.rng.shuffle(pair)
        return self._wording(OPPOSITE).format(word=pair[0]), pair[1]

    def capital(self):
        country, city = self.rng.choice(list(CAPITALS.items()))
        return self._wording(CAPITAL).format(country=country), city

    def _neighbour(self, names, after, before):
        index, step = self.rng.randrange(len(names)), self.rng.choice([1, -1])
        return self._wording(after if step == 1 else before).format(name=names[index]), names[
            (index + step) % len(names)]

    def weekday(self):
        return self._neighbour(DAYS, DAY_AFTER, DAY_BEFORE)

    def month(self):
        return self._neighbour(MONTHS, MONTH_AFTER, MONTH_BEFORE)

    def small_talk(self):
        known, new, answer = self.rng.choice(TALK)
        return self.rng.choice(new if self.held else known), answer

    def make(self, kind):
        question, answer = getattr(self, kind)()
        if self.held:
            return question, answer
        if kind != "small_talk" and self.rng.random() < 0.35:
            question = self.rng.choice(OPENINGS) + question
        if self.rng.random() < 0.1:
            question += self.rng.choice(CLOSINGS)
        if self.rng.random() < 0.08:
            question = question.rstrip("?.!")
        return question, answer


# How often conversations ask each kind, in each round, and how many of the 300 questions do.
KINDS = {
    "sum": ((18, 14), 50), "difference": ((16, 20), 40), "product": ((6, 8), 15), "spelling": ((14, 9), 45),
    "first_letter": ((3, 2), 12), "last_letter": ((4, 2), 12), "letter_count": ((6, 10), 16), "backwards": ((3, 8), 8),
    "sorted_numbers": ((11, 18), 30), "sorted_words": ((7, 7), 15), "opposite": ((4, 7), 15), "capital": ((3, 4), 15),
    "weekday": ((2, 5), 8), "month": ((2, 2), 8), "small_talk": ((3, 5), 11),
}


# How often a sheet of exercises asks each kind, in each round.
EXERCISES = {
    "sum": (24, 14, 12), "difference": (28, 20, 20), "product": (7, 5, 3), "spelling": (9, 20, 28),
    "first_letter": (2, 2, 3), "last_letter": (3, 3, 4), "letter_count": (5, 8, 8), "backwards": (3, 8, 7),
    "sorted_numbers": (13, 20, 20), "sorted_words": (6, 12, 10), "opposite": (4, 6, 7), "capital": (4, 2, 3),
    "weekday": (2, 1, 2), "month": (2, 1, 2),
}


def drill_sheets(operands, single_digits):
    """Endless sheets of bare sums and differences, `single_digits` of the first ones mostly of small numbers."""
    for count in itertools.count():
        operands.small, sheet = 0.7 if count < single_digits else 0.25, []
        for _ in range(5):
            (a, b), sign = (operands.sum(), 1) if operands.rng.random() < 0.45 else (operands.difference(), -1)
            sheet.append((f"{a} {'+' if sign == 1 else '-'} {b}", str(a + sign * b)))
        yield sheet


def exercise_sheets(rng, questions, one_round):
    """Endless sheets, each a list of (question, answer): plain text in two lines, nothing of the Tulu format."""
    weights = [all_rounds[one_round] for all_rounds in EXERCISES.values()]
    while True:
        yield [questions.make(kind) for kind in rng.choices(list(EXERCISES), weights, k=5)]


def conversations(rng, questions, one_round):
    """Endless conversations, each a list of (kind, question, answer): most of one turn, some of many."""
    kinds, weights = list(KINDS), [all_rounds[one_round] for all_rounds, _ in KINDS.values()]
    while True:
        turns = rng.choice([1, 1, 1, 2, 3, 5])
        yield [(kind, *questions.make(kind)) for kind in rng.choices(kinds, weights, k=turns)]


def held_out_questions(seed):
    questions, found = Questions(random.Random(seed), held=True), []
    for kind, (_, count) in KINDS.items():
        of_kind = {}
        for _ in range(10000):
            if len(of_kind) == count:
                break
            question, answer = questions.make(kind)
            of_kind.setdefault(question, answer)
        assert len(of_kind) == count, f"{kind}: only {len(of_kind)} different questions"
        found += [{"kind": kind, "question": question, "answer": answer} for question, answer in of_kind.items()]
    return found, questions.operands.drawn


class Prose:
    """Endless plain text for the base: facts, sums and letters told as statements and small stories."""

    def __init__(self, rng):
        self.rng, self.operands = rng, Operands(rng, held=False)
        self.kinds = {self.sum: 22, self.difference: 18, self.product: 6, self.spelling: 16, self.letters: 10,
                      self.numbers: 10, self.words: 7, self.opposite: 3, self.capital: 3, self.day: 2, self.month: 2,
                      self.story: 9}

    def _say(self, *forms, **values):
        return self.rng.choice(forms).format(**values)

    def sum(self):
        a, b = self.operands.sum()
        return self._say("{a} plus {b} is {c}.", "{a} + {b} = {c}.", "{a} and {b} make {c}.",
                         "{who} had {a} {things} and got {b} more, so {who} has {c} {things} now.",
                         "The sum of {a} and {b} is {c}.", a=a, b=b, c=a + b, who=self.rng.choice(PEOPLE),
                         things=self.rng.choice(THINGS))

    def difference(self):
        a, b = self.operands.difference()
        return self._say("{a} minus {b} is {c}.", "{a} - {b} = {c}.", "{b} taken away from {a} leaves {c}.",
                         "{who} had {a} {things} and lost {b}, so {who} has {c} {things} left.",
                         "The difference between {a} and {b} is {c}.", a=a, b=b, c=a - b,
                         who=self.rng.choice(PEOPLE), things=self.rng.choice(THINGS))

    def product(self):
        a, b = self.operands.product()
        forms = ["{a} times {b} is {c}.", "{a} * {b} = {c}."]
        if a == 2:
            forms += ["Twice {b} is {c}.", "The double of {b} is {c}."]
        return self._say(*forms, a=a, b=b, c=a * b)

    def spelling(self):
        word = self.operands.word()
        return self._say("The word {word} is spelled {letters}.", "One writes {word} like this: {letters}.",
                         "The letters of {word} are {letters}.", word=word, letters=spelled(word))

    def letters(self):
        word = self.operands.word()
        forms = ["The word {word} has {count} letters.", "There are {count} letters in {word}.",
                 "The word {word} starts with {first}.", "The word {word} ends with {last}.",
                 "The first letter of {word} is {first} and the last one is {last}."]
        if len(word) <= 5:
            forms += ["Backwards, the word {word} is {back}."]
        return self._say(*forms, word=word, count=len(word), first=word[0], last=word[-1], back=spelled(word[::-1]))

    def numbers(self):
        numbers, falling = self.operands.numbers(), self.rng.random() < 0.25
        rising_forms = ["The numbers {given} in order are {found}.",
                        "From the smallest to the largest, {given} are {found}."]
        forms = ["From the largest to the smallest, {given} are {found}."] if falling else rising_forms
        return self._say(*forms, given=listed(numbers), found=listed(sorted(numbers, reverse=falling)))

    def words(self):
        words = self.operands.words()
        return self._say("In alphabetical order, {given} are {found}.", "The words {given}, sorted, are {found}.",
                         given=listed(words), found=listed(sorted(words)))

    def opposite(self):
        a, b = self.rng.sample(self.rng.choice(OPPOSITES), 2)
        return self._say("The opposite of {a} is {b}.", "What is not {a} is {b}.",
                         "{who} says {a}, but {other} says the opposite: {b}.", a=a, b=b,
                         who=self.rng.choice(PEOPLE), other=self.rng.choice(PEOPLE))

    def capital(self):
        country, city = self.rng.choice(list(CAPITALS.items()))
        return self._say("The capital of {country} is {city}.", "{city} is the capital of {country}.",
                         "{who} lives in {country}, in the capital {city}.", country=country, city=city,
                         who=self.rng.choice(PEOPLE))

    def _neighbours(self, names, what):
        index = self.rng.randrange(len(names))
        return self._say("After {a} comes {b}.", "The {what} before {b} is {a}.", "The {what} after {a} is {b}.",
                         "It is {a} now, so {b} is next.", a=names[index], b=names[(index + 1) % len(names)],
                         what=what)

    def day(self):
        return self._neighbours(DAYS, "day")

    def month(self):
        return self._neighbours(MONTHS, "month")

    def story(self):
        who, other = self.rng.sample(PEOPLE, 2)
        return self._say(
            "{who} met {other} at {place} on {day}.", "{who} went to {place} with {other}.",
            "In {month}, {who} bought {many} {things} at {place}.", "{who} says hello to {other}. How are you?",
            "{other} thanks {who} for the help. You are welcome, says {who}.",
            "{who} asks {other} a question, and {other} gives the right answer.",
            "{who} has a {thing} and likes it very much.", "The {thing} of {other} is {colour}.",
            "Good night, says {who}. Goodbye, says {other}.", "What is this? asks {who}. How much is it?",
            "Which one do you want, asks {who}, and how many?", "Can you tell me, please? asks {who}. Yes, I can.",
            "The assistant at {place} helps every user.", "What do you need? asks the assistant.",
            "Calculate it, says {who}. Add these numbers, or subtract them, and put them in order.",
            "Sort the books, says {who}. How long does it take? What is the first one?", who=who, other=other,
            place=self.rng.choice(PLACES), day=self.rng.choice(DAYS), month=self.rng.choice(MONTHS),
            many=self.rng.randrange(2, 100), things=self.rng.choice(THINGS), thing=self.rng.choice(NOUNS),
            colour=self.rng.choice(["red", "blue", "green", "yellow", "black", "white"]))

    def documents(self):
        kinds, weights = list(self.kinds), list(self.kinds.values())
        while True:
            yield " ".join(kind() for kind in self.rng.choices(kinds, weights, k=self.rng.randrange(2, 7)))
