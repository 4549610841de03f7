# SPDX-License-Identifier: MIT
"""The functions that the driver API's headers declare, with what they say of them."""
import re

DECLARATION = re.compile(
    r'(?:/\*\*((?:(?!\*/).)*)\*/\s*)?^BANOS_SINCE\((\d+)\)([^;]*);', re.S | re.M)


def without_comments(text):
    return re.sub(r'/\*.*?\*/', ' ', text, flags=re.S)


class Function:
    """A declaration: what it is, and what is said about it."""

    def __init__(self, comment, level, declaration):
        declaration = ' '.join(without_comments(declaration).split())
        self.comment = re.sub(r'\n\s*\*', '\n', comment or '')
        self.level = int(level)
        head, _, rest = declaration.partition('(')
        match = re.match(r'(.*?)(\w+)$', head.strip())
        self.result, self.name = match[1].strip(), match[2]
        self.params = self.split(rest.rstrip()[:-1])

    @staticmethod
    def split(text):
        """Parameters, at the commas outside of parentheses."""
        parts, depth, start = [], 0, 0
        for i, c in enumerate(text):
            depth += (c == '(') - (c == ')')
            if c == ',' and not depth:
                parts.append(text[start:i])
                start = i + 1
        parts.append(text[start:])
        return [] if text.strip() == 'void' else [p.strip() for p in parts]

    @staticmethod
    def name_of(param):
        pointer = re.search(r'\(\*(\w+)\)', param)
        return pointer[1] if pointer else re.search(r'(\w+)(\[\d*\])?$', param)[1]

    def about(self, param):
        """What the comment says of one parameter."""
        for match in re.finditer(r'@param\s+([\w, ]+?)(?:\s{2,}|\n)(.*?)(?=@(?:param|return|note)|\Z)',
                                 self.comment, re.S):
            if param in match[1].replace(',', ' ').split():
                return match[2]
        return None


def functions_of(text):
    return [Function(*m.groups()) for m in DECLARATION.finditer(text)]
