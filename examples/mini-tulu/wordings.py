"""How questions are asked: for each family the wordings to learn from and those kept for the held-out questions.

Families whose operands are held out are asked in the learned wordings; an empty second list says so.
"""

OPENINGS = ["Please answer: ", "Please tell me: ", "Tell me: ", "Quick question: ", "I want to know: ", "Hi! ",
            "Hello, ", "Another one: ", "Now: ", "Can you help me? "]
CLOSINGS = [" Thanks.", " Please.", " Thank you!"]

SUM = ([
    "What is {a} plus {b}?", "What is {a} + {b}?", "{a} + {b}", "{a}+{b}", "{a} + {b} = ?", "How much is {a} + {b}?",
    "How much is {a} plus {b}?", "Add {a} and {b}.", "Calculate {a} + {b}.", "What is the sum of {a} and {b}?",
    "I have {a} {things} and get {b} more. How many {things} do I have?",
], [])
DIFFERENCE = ([
    "What is {a} minus {b}?", "What is {a} - {b}?", "{a} - {b}", "{a}-{b}", "{a} - {b} = ?", "How much is {a} - {b}?",
    "How much is {a} minus {b}?", "Subtract {b} from {a}.", "Calculate {a} - {b}.", "Take {b} away from {a}.",
    "I have {a} {things} and lose {b}. How many {things} are left?",
], [])
PRODUCT = ([
    "What is {a} times {b}?", "What is {a} * {b}?", "{a} * {b}", "{a} * {b} = ?", "How much is {a} times {b}?",
    "Multiply {a} by {b}.", "Calculate {a} * {b}.",
], [])
TWICE = (["What is twice {b}?", "What is the double of {b}?", "Double {b}."], [])

SPELL = ([
    "Spell {word}.", "Spell the word {word}.", "How do you spell {word}?", "How is the word {word} spelled?",
    "Write {word} letter by letter.", "What are the letters of {word}?", "Can you spell {word}?",
], [])
FIRST = ([
    "What is the first letter of {word}?", "Which letter does {word} start with?", "First letter of {word}?",
    "What letter does the word {word} start with?",
], [])
LAST = ([
    "What is the last letter of {word}?", "Which letter does {word} end with?", "Last letter of {word}?",
    "What letter does the word {word} end with?",
], [])
COUNT = ([
    "How many letters are in {word}?", "How many letters does {word} have?", "Count the letters of {word}.",
    "How many letters does the word {word} have?", "How long is the word {word}?",
], [])
BACKWARDS = ([
    "Spell {word} backwards.", "Spell the word {word} backwards.", "Write {word} backwards.",
    "Reverse the word {word}.",
], [])

RISING = ([
    "Sort {items}.", "Sort these numbers: {items}.", "Sort the numbers {items}.", "Put {items} in order.",
    "Put these numbers in order: {items}.", "Order {items} from the smallest to the largest.",
], [])
FALLING = ([
    "Order {items} from the largest to the smallest.", "Sort {items} from the largest to the smallest.",
    "Sort these numbers, the largest first: {items}.", "Put {items} in order, the largest first.",
], [])
SORT_WORDS = ([
    "Sort {items}.", "Sort these words: {items}.", "Sort the words {items}.", "Put {items} in alphabetical order.",
    "Put these words in alphabetical order: {items}.", "Order {items} from a to z.",
], [])

OPPOSITE = ([
    "What is the opposite of {word}?", "The opposite of {word}?", "Opposite of {word}?",
    "What is the opposite of the word {word}?", "Give me the opposite of {word}.", "Tell me the opposite of {word}.",
    "Name the opposite of {word}.", "Which word is the opposite of {word}?", "Say the opposite of {word}.",
    "What word means the opposite of {word}?", "What do we call the opposite of {word}?",
    "I am looking for the opposite of {word}.", "Find the opposite of {word}.", "{word} is the opposite of what?",
    "What is not {word}?",
], [
    "Do you know the opposite of {word}?", "What would be the opposite of {word}?", "I need the opposite of {word}.",
    "Which word means the opposite of {word}?", "Write the opposite of {word}.",
    "{word} is the opposite of which word?",
])
CAPITAL = ([
    "What is the capital of {country}?", "The capital of {country}?", "Capital of {country}?",
    "What is the capital city of {country}?", "Give me the capital of {country}.", "Tell me the capital of {country}.",
    "Name the capital of {country}.", "Which city is the capital of {country}?", "Say the capital of {country}.",
    "What city is the capital of {country}?", "What do we call the capital of {country}?",
    "I am looking for the capital of {country}.", "{country} has which capital?", "Find the capital city of {country}.",
], [
    "Do you know the capital of {country}?", "I need the capital of {country}.", "What capital does {country} have?",
    "Which is the capital city of {country}?", "Write the capital of {country}.",
    "Name the city that is the capital of {country}.",
])

DAY_AFTER = ([
    "What day comes after {name}?", "Which day comes after {name}?", "What is the day after {name}?",
    "Which day is after {name}?", "What day follows {name}?", "Name the day after {name}.",
    "Tell me the day that comes after {name}.", "Today is {name}. What day is tomorrow?",
    "If today is {name}, what is tomorrow?", "What is the next day after {name}?", "The day after {name}?",
    "Which weekday follows {name}?",
], [
    "Which day follows {name}?", "If it is {name} today, which day is tomorrow?", "Give me the day after {name}.",
    "What weekday comes after {name}?",
])
DAY_BEFORE = ([
    "What day comes before {name}?", "Which day comes before {name}?", "What is the day before {name}?",
    "Which day is before {name}?", "Name the day before {name}.", "Tell me the day that comes before {name}.",
    "Today is {name}. What day was yesterday?", "If today is {name}, what was yesterday?", "The day before {name}?",
    "Which weekday is before {name}?",
], [
    "If it is {name} today, which day was yesterday?", "Give me the day before {name}.",
    "What weekday comes before {name}?", "Which is the day before {name}?",
])
MONTH_AFTER = ([
    "What month comes after {name}?", "Which month comes after {name}?", "What is the month after {name}?",
    "Which month is after {name}?", "What month follows {name}?", "Name the month after {name}.",
    "Tell me the month that comes after {name}.", "What is the next month after {name}?", "The month after {name}?",
    "It is {name}. What is the next month?",
], [
    "Which month follows {name}?", "Give me the month after {name}.", "I need the month that comes after {name}.",
    "Do you know which month comes after {name}?",
])
MONTH_BEFORE = ([
    "What month comes before {name}?", "Which month comes before {name}?", "What is the month before {name}?",
    "Which month is before {name}?", "Name the month before {name}.", "Tell me the month that comes before {name}.",
    "The month before {name}?", "It is {name}. What was the last month?",
], [
    "Which is the month before {name}?", "Give me the month before {name}.",
    "I need the month that comes before {name}.", "Do you know which month comes before {name}?",
])

# (wordings to learn from, wordings held out, the answer)
TALK = [
    (["Hello!", "Hello", "Hi!", "Hi", "Hey!", "Hey", "Good morning!", "Good evening!", "Hello there!", "Hi, model!",
      "Hello, mini-Tulu!", "Good afternoon.", "Greetings!", "Hey there!", "hello", "hi"],
     ["Hi there!", "Good morning, mini-Tulu!", "Hello, model!"],
     "Hello! How can I help you?"),
    (["Who are you?", "What are you?", "What is your name?", "Tell me your name.", "Who am I talking to?",
      "Do you have a name?", "Please tell me who you are.", "Your name?", "Say who you are.", "who are you",
      "Introduce yourself.", "Are you a robot?", "Tell me about yourself."],
     ["Can you tell me your name?", "Hello, who are you?", "Tell me who you are."],
     "I am mini-Tulu, a very small language model."),
    (["What can you do?", "How can you help me?", "What can I ask you?", "What do you know?", "Help", "Help!",
      "Tell me what you can do.", "What are you good at?", "Can you help me?", "help", "What can I ask?"],
     ["Please tell me what you can do.", "What can you help me with?"],
     "I can add, subtract, spell, sort, and tell opposites, capitals, days and months."),
    (["Thank you!", "Thank you", "Thanks!", "Thanks", "Many thanks!", "Thank you very much!", "Thanks a lot!",
      "Thank you for your help!", "Great, thanks!", "thanks", "Good answer, thank you!"],
     ["Thank you so much!", "Thanks for your help!", "Thanks, mini-Tulu!"],
     "You are welcome!"),
    (["Goodbye!", "Goodbye", "Bye!", "Bye", "Bye bye!", "See you!", "See you later!", "Good night!", "bye",
      "Goodbye, mini-Tulu!", "I have to go. Bye!", "See you tomorrow!"],
     ["Bye, mini-Tulu!", "Goodbye, see you later!", "I have to go now. Goodbye!"],
     "Goodbye! Come back soon."),
    (["How are you?", "How are you today?", "How do you do?", "How do you feel?", "Are you well?", "how are you",
      "Hello, how are you?", "How are you doing?", "Are you fine?", "How do you feel today?"],
     ["Hi, how are you?", "How are you feeling?", "How are you doing today?"],
     "I am fine, thank you."),
    (["Tell me a joke.", "Do you know a joke?", "Make me laugh.", "A joke, please.", "Say something funny.",
      "Can you tell a joke?", "Tell me something funny.", "Tell me a good joke."],
     ["Can you tell me a joke?", "Please tell me a joke."],
     "Why is six afraid of seven? Because seven eight nine."),
]
