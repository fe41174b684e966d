// NumPy's default_rng: the same numbers for the same seed. (PCG64, XSL-RR 128/64: O'Neill 2014;
// the seed is spread over its state as NumPy's SeedSequence does, after O'Neill 2015.)

const [INIT_A, MULT_A] = [0x43b0d7e5, 0x931e8875];
const [INIT_B, MULT_B] = [0x8b51f9dd, 0x58f38ded];
const [MIX_L, MIX_R] = [0xca01f9dd, 0x4973f715];
const POOL = 4; // words
const MULTIPLIER = 0x2360ed051fc65da44385df649fccf645n;
const WHOLE = (1n << 128n) - 1n;
const HALF = (1n << 64n) - 1n;

const folded = (value) => (value ^ (value >>> 16)) >>> 0;

/** Words that follow from a whole number: 32 bits each, so many. */
function spread(seed, count) {
  let constant = INIT_A;
  const hash = (value) => {
    value = (value ^ constant) >>> 0;
    constant = Math.imul(constant, MULT_A) >>> 0;
    return folded(Math.imul(value, constant) >>> 0);
  };
  const mix = (x, y) => folded((Math.imul(x, MIX_L) - Math.imul(y, MIX_R)) >>> 0);
  const words = [];
  for (let left = BigInt(seed); left > 0n || !words.length; left >>= 32n)
    words.push(Number(left & 0xffffffffn));
  const pool = Array.from({ length: POOL }, (_, n) => hash(words[n] ?? 0));
  for (let from = 0; from < POOL; from += 1) {
    for (let to = 0; to < POOL; to += 1)
      if (from !== to) pool[to] = mix(pool[to], hash(pool[from]));
  }
  for (const word of words.slice(POOL)) {
    for (let to = 0; to < POOL; to += 1) pool[to] = mix(pool[to], hash(word));
  }
  constant = INIT_B;
  return Array.from({ length: count }, (_, n) => {
    const value = (pool[n % POOL] ^ constant) >>> 0;
    constant = Math.imul(constant, MULT_B) >>> 0;
    return folded(Math.imul(value, constant) >>> 0);
  });
}

/** The function that gives the next number from 0 to 1 (less than 1). */
learnt.random = (seed) => {
  const words = spread(seed, 8).map(BigInt);
  const long = (n) => words[2 * n] | (words[2 * n + 1] << 32n);
  const increment = ((((long(2) << 64n) | long(3)) << 1n) | 1n) & WHOLE;
  let state = 0n;
  const step = () => (state = (state * MULTIPLIER + increment) & WHOLE);
  step();
  state = (state + ((long(0) << 64n) | long(1))) & WHOLE;
  step();
  return () => {
    step();
    const value = ((state >> 64n) ^ state) & HALF;
    const turn = state >> 122n;
    const turned = ((value >> turn) | (value << (64n - turn))) & HALF;
    return Number(turned >> 11n) / 2 ** 53;
  };
};
