// Random numbers that a seed repeats. Each iteration of a run has a stream of its own, so what iteration 1,234 of a
// seed does never depends on which virtual user gets it. Pure.

const WARM_UP_ROUNDS = 12;
const TWO_53 = 2 ** 53;

/** The generator sfc32: 128 bits of state, 32 bits a step. */
export class Random {
    /** @param {number} a @param {number} b @param {number} c three words of seed */
    constructor(a, b, c) {
        this.a = a | 0;
        this.b = b | 0;
        this.c = c | 0;
        this.counter = 1;
        for (let round = 0; round < WARM_UP_ROUNDS; round++) {
            this.word();
        }
    }

    /**
     * Return the stream of one iteration.
     * @param {number} seed @param {number} iteration both whole numbers from 0 to 2**53 - 1
     */
    static of(seed, iteration) {
        return new Random(seed, iteration, Math.imul(high(seed), 0x9e3779b1) ^ high(iteration));
    }

    /** Return 32 random bits as a number from 0. */
    word() {
        const out = (((this.a + this.b) | 0) + this.counter) | 0;
        this.counter = (this.counter + 1) | 0;
        this.a = this.b ^ (this.b >>> 9);
        this.b = (this.c + (this.c << 3)) | 0;
        this.c = (((this.c << 21) | (this.c >>> 11)) + out) | 0;
        return out >>> 0;
    }

    /** Return a number from 0 to below 1, with 53 random bits. */
    float() {
        return ((this.word() >>> 5) * 2 ** 26 + (this.word() >>> 6)) / TWO_53;
    }

    /** Return a whole number from 0 to below a limit. @param {number} limit at most 2**53 */
    below(limit) {
        return Math.floor(this.float() * limit);
    }

    /** Return one of a list. @template T @param {readonly T[]} list @returns {T} */
    choice(list) {
        return list[this.below(list.length)];
    }

    /** Return random hexadecimal digits. @param {number} digits */
    hex(digits) {
        let text = "";
        while (text.length < digits) {
            text += this.word().toString(16).padStart(8, "0");
        }
        return text.slice(0, digits);
    }

    /** Return a number of the normal distribution with mean 0 and deviation 1. */
    gauss() {
        return Math.sqrt(-2 * Math.log(1 - this.float())) * Math.cos(2 * Math.PI * this.float());
    }
}

/** @param {number} value */
function high(value) {
    return Math.floor(value / 2 ** 32);
}
