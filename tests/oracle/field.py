"""KoalaBear and its quintic extension (stark/doc/protocol.md, section 1). An element of F is an int below P; of E, an E."""

P = 2**31 - 2**24 + 1
DEGREE = 5
G = 3  # generates F*, and shifts the LDE domains
FROM_WIRE = pow(2**32, -1, P)


def from_wire(word):
    return word * FROM_WIRE % P


def to_wire(a):
    return a * 2**32 % P


def root(m):
    """Generates the subgroup of order 2^m."""
    return pow(pow(3, 127, P), 1 << (24 - m), P)


class E(tuple):
    """(c0..c4), a polynomial in X modulo X^5 + X^2 - 1."""
    __slots__ = ()

    @staticmethod
    def of(a):
        return E((a % P, 0, 0, 0, 0))

    @staticmethod
    def from_wire(words):
        return E(word * FROM_WIRE % P for word in words)

    def __add__(self, other):
        return E((a + b) % P for a, b in zip(self, other))

    def __sub__(self, other):
        return E((a - b) % P for a, b in zip(self, other))

    def __mul__(self, other):
        a0, a1, a2, a3, a4 = self
        b0, b1, b2, b3, b4 = other
        d5 = a1 * b4 + a2 * b3 + a3 * b2 + a4 * b1  # X^5 = 1 - X^2
        d6 = a2 * b4 + a3 * b3 + a4 * b2            # X^6 = X - X^3
        d7 = a3 * b4 + a4 * b3                      # X^7 = X^2 - X^4
        d8 = a4 * b4                                # X^8 = X^3 + X^2 - 1
        return E(((a0 * b0 + d5 - d8) % P,
                  (a0 * b1 + a1 * b0 + d6) % P,
                  (a0 * b2 + a1 * b1 + a2 * b0 - d5 + d7 + d8) % P,
                  (a0 * b3 + a1 * b2 + a2 * b1 + a3 * b0 - d6 + d8) % P,
                  (a0 * b4 + a1 * b3 + a2 * b2 + a3 * b1 + a4 * b0 - d7) % P))

    def scale(self, a):
        """Times an element of F."""
        return E(a * c % P for c in self)

    def times_x(self):
        c0, c1, c2, c3, c4 = self
        return E((c4, c0, (c1 - c4) % P, c2, c3))

    def power(self, exponent):
        result, square = ONE, self
        while exponent:
            if exponent & 1:
                result = result * square
            square, exponent = square * square, exponent >> 1
        return result

    def frobenius(self):
        """self^p: (sum c_i X^i)^p = sum c_i (X^p)^i."""
        return weighted_sum(X_TO_P, self)

    def inverse(self):
        """By the norm: a^-1 = (a^p a^(p^2) a^(p^3) a^(p^4)) / N(a), N(a) in F. Not for zero."""
        conjugate, product = self, ONE
        for _ in range(DEGREE - 1):
            conjugate = conjugate.frobenius()
            product = product * conjugate
        return product.scale(pow((self * product)[0], -1, P))

    def in_base_field(self):
        return not any(self[1:])


def weighted_sum(elements, weights):
    """sum of element * weight, elements in E, weights in F."""
    sums = [0] * DEGREE
    for element, weight in zip(elements, weights):
        for i, c in enumerate(element):
            sums[i] += weight * c
    return E(s % P for s in sums)


def join(coordinates):
    """sum of X^j c_j for five elements of E: the value at a point of E of a column that is five base columns."""
    result = ZERO
    for c in reversed(coordinates):
        result = result.times_x() + c
    return result


def evaluate(coefficients, x):
    """The polynomial with these coefficients in E at x in F."""
    result = ZERO
    for c in reversed(coefficients):
        result = result.scale(x) + c
    return result


ZERO, ONE = E.of(0), E.of(1)


def powers(base, count):
    """base^0, base^1, ..: `count` of them."""
    result = [ONE]
    while len(result) < count:
        result.append(result[-1] * base)
    return result


X_TO_P = powers(E((0, 1, 0, 0, 0)).power(P), DEGREE)
