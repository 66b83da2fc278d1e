/*
 * The control that Java's kernels are measured against: matrix-vector products and scaled additions over the same bytes,
 * written for the instruction sets that x86-64 machines with AVX2, FMA and F16C have (AVX-512 VNNI where the compiler
 * finds it), as a good C runtime would. Elsewhere plain loops, for the compiler to make of them what it can. Sums are taken
 * in whatever order is fastest, so results are close to the kernels', not equal.
 *
 * Quantised rows keep one accumulator, as common C runtimes do; float rows four. Q8_0 with floats takes four rows at once in
 * vectors of 512 bits where there are such.
 */
#include <stdint.h>
#include <stddef.h>
#include <string.h>

#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#include <immintrin.h>
#define WIDE 1
#endif

static float half_to_float(const uint8_t *p) {
#ifdef WIDE
  uint16_t bits;
  memcpy(&bits, p, 2);
  return _cvtsh_ss(bits);
#else
  _Float16 h;
  memcpy(&h, p, 2);
  return (float)h;
#endif
}

#ifdef WIDE
static float total(__m256 v) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

/* Products of unsigned and signed bytes, added in fours. */
static __m256i products(__m256i u, __m256i s) {
#if defined(__AVX512VNNI__) && defined(__AVX512VL__)
  return _mm256_dpbusd_epi32(_mm256_setzero_si256(), u, s);
#else
  return _mm256_madd_epi16(_mm256_maddubs_epi16(u, s), _mm256_set1_epi16(1));
#endif
}

static __m256i nibbles(const uint8_t *p) {
  __m128i b = _mm_loadu_si128((const __m128i *)p);
  return _mm256_and_si256(_mm256_set_m128i(_mm_srli_epi16(b, 4), b), _mm256_set1_epi8(15));
}

static __m256 bytes_to_floats(const void *p) {
  __m128i bytes = _mm_loadl_epi64((const __m128i *)p);
#ifdef JAVAS_STEPS
  __asm__("" : "+x"(bytes)); /* loaded first: Java's compiler does not widen while loading */
#endif
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes));
}
#endif

static float dot_f32(const uint8_t *w, const float *x, int64_t n) {
  const float *v = (const float *)w;
  float a = 0;
  for (int64_t i = 0; i < n; i++) {
    a += v[i] * x[i];
  }
  return a;
}

static float dot_f16(const uint8_t *w, const float *x, int64_t n) {
#ifdef WIDE
  __m256 s0 = _mm256_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
  for (int64_t i = 0; i < n; i += 32) {
    const __m128i *v = (const __m128i *)(w + 2 * i);
    s0 = _mm256_fmadd_ps(_mm256_cvtph_ps(_mm_loadu_si128(v)), _mm256_loadu_ps(x + i), s0);
    s1 = _mm256_fmadd_ps(_mm256_cvtph_ps(_mm_loadu_si128(v + 1)), _mm256_loadu_ps(x + i + 8), s1);
    s2 = _mm256_fmadd_ps(_mm256_cvtph_ps(_mm_loadu_si128(v + 2)), _mm256_loadu_ps(x + i + 16), s2);
    s3 = _mm256_fmadd_ps(_mm256_cvtph_ps(_mm_loadu_si128(v + 3)), _mm256_loadu_ps(x + i + 24), s3);
  }
  return total(_mm256_add_ps(_mm256_add_ps(s0, s1), _mm256_add_ps(s2, s3)));
#else
  float a = 0;
  for (int64_t i = 0; i < n; i++) {
    a += half_to_float(w + 2 * i) * x[i];
  }
  return a;
#endif
}

static float dot_bf16(const uint8_t *w, const float *x, int64_t n) {
#ifdef WIDE
  __m256 s0 = _mm256_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
#define B16(k) _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(v + (k))), 16))
  for (int64_t i = 0; i < n; i += 32) {
    const __m128i *v = (const __m128i *)(w + 2 * i);
    s0 = _mm256_fmadd_ps(B16(0), _mm256_loadu_ps(x + i), s0);
    s1 = _mm256_fmadd_ps(B16(1), _mm256_loadu_ps(x + i + 8), s1);
    s2 = _mm256_fmadd_ps(B16(2), _mm256_loadu_ps(x + i + 16), s2);
    s3 = _mm256_fmadd_ps(B16(3), _mm256_loadu_ps(x + i + 24), s3);
  }
  return total(_mm256_add_ps(_mm256_add_ps(s0, s1), _mm256_add_ps(s2, s3)));
#else
  float a = 0;
  for (int64_t i = 0; i < n; i++) {
    uint16_t bits;
    memcpy(&bits, w + 2 * i, 2);
    uint32_t wide = (uint32_t)bits << 16;
    float v;
    memcpy(&v, &wide, 4);
    a += v * x[i];
  }
  return a;
#endif
}

static float dot_q8_0(const uint8_t *w, const float *x, int64_t n) {
#ifdef WIDE
  __m256 s0 = _mm256_setzero_ps(), s1 = s0;
  for (int64_t i = 0; i < n; i += 32, w += 34) {
    __m256 d = _mm256_set1_ps(half_to_float(w));
    __m256 a = _mm256_mul_ps(bytes_to_floats(w + 2), _mm256_loadu_ps(x + i));
    __m256 b = _mm256_mul_ps(bytes_to_floats(w + 10), _mm256_loadu_ps(x + i + 8));
    a = _mm256_fmadd_ps(bytes_to_floats(w + 18), _mm256_loadu_ps(x + i + 16), a);
    b = _mm256_fmadd_ps(bytes_to_floats(w + 26), _mm256_loadu_ps(x + i + 24), b);
    s0 = _mm256_fmadd_ps(a, d, s0);
    s1 = _mm256_fmadd_ps(b, d, s1);
  }
  return total(_mm256_add_ps(s0, s1));
#else
  float s = 0;
  for (int64_t i = 0; i < n; i += 32, w += 34) {
    float a = 0;
    for (int k = 0; k < 32; k++) {
      a += (float)(int8_t)w[2 + k] * x[i + k];
    }
    s += half_to_float(w) * a;
  }
  return s;
#endif
}

/* sums: of each block of 32 elements of x. */
static float dot_q4(const uint8_t *w, int64_t step, const float *x, const float *sums, int64_t n) {
  float least = 0;
#ifdef WIDE
  __m256 s0 = _mm256_setzero_ps(), s1 = s0;
  for (int64_t i = 0; i < n; i += 32, w += step) {
    float scale = half_to_float(w);
    __m256 d = _mm256_set1_ps(scale);
    __m256i q = nibbles(w + step - 16);
    __m128i low = _mm256_castsi256_si128(q), high = _mm256_extracti128_si256(q, 1);
#define F8(v) _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(v))
    __m256 a = _mm256_mul_ps(F8(low), _mm256_loadu_ps(x + i));
    __m256 b = _mm256_mul_ps(F8(_mm_srli_si128(low, 8)), _mm256_loadu_ps(x + i + 8));
    a = _mm256_fmadd_ps(F8(high), _mm256_loadu_ps(x + i + 16), a);
    b = _mm256_fmadd_ps(F8(_mm_srli_si128(high, 8)), _mm256_loadu_ps(x + i + 24), b);
    s0 = _mm256_fmadd_ps(a, d, s0);
    s1 = _mm256_fmadd_ps(b, d, s1);
    least += (step == 18 ? -8 * scale : half_to_float(w + 2)) * sums[i / 32];
  }
  return total(_mm256_add_ps(s0, s1)) + least;
#else
  for (int64_t i = 0; i < n; i += 32, w += step) {
    float scale = half_to_float(w);
    float a = 0;
    for (int k = 0; k < 16; k++) {
      uint8_t b = w[step - 16 + k];
      a += (float)(b & 15) * x[i + k] + (float)(b >> 4) * x[i + 16 + k];
    }
    least += scale * a + (step == 18 ? -8 * scale : half_to_float(w + 2)) * sums[i / 32];
  }
  return least;
#endif
}

/* scales: of each block of 32 int8 activations. */
static float dot_q8_0_int8(const uint8_t *w, const int8_t *x, const float *scales, int64_t n) {
#ifdef WIDE
  __m256 s0 = _mm256_setzero_ps();
  for (int64_t i = 0; i < n; i += 32, w += 34) {
    __m256 d = _mm256_set1_ps(half_to_float(w) * scales[i / 32]);
    __m256i q = _mm256_loadu_si256((const __m256i *)(w + 2));
    __m256i v = _mm256_loadu_si256((const __m256i *)(x + i));
    __m256i p = products(_mm256_sign_epi8(q, q), _mm256_sign_epi8(v, q));
    s0 = _mm256_fmadd_ps(_mm256_cvtepi32_ps(p), d, s0);
  }
  return total(s0);
#else
  float s = 0;
  for (int64_t i = 0; i < n; i += 32, w += 34) {
    int32_t a = 0;
    for (int k = 0; k < 32; k++) {
      a += (int32_t)(int8_t)w[2 + k] * x[i + k];
    }
    s += half_to_float(w) * scales[i / 32] * (float)a;
  }
  return s;
#endif
}

/* sums: of each block of 32 int8 activations, times its scale. */
static float dot_q4_int8(
    const uint8_t *w, int64_t step, const int8_t *x, const float *scales, const float *sums, int64_t n) {
  float least = 0;
#ifdef WIDE
  __m256 s0 = _mm256_setzero_ps();
  for (int64_t i = 0; i < n; i += 32, w += step) {
    float scale = half_to_float(w);
    __m256 d = _mm256_set1_ps(scale * scales[i / 32]);
    __m256i p = products(nibbles(w + step - 16), _mm256_loadu_si256((const __m256i *)(x + i)));
    s0 = _mm256_fmadd_ps(_mm256_cvtepi32_ps(p), d, s0);
    least += (step == 18 ? -8 * scale : half_to_float(w + 2)) * sums[i / 32];
  }
  return total(s0) + least;
#else
  for (int64_t i = 0; i < n; i += 32, w += step) {
    float scale = half_to_float(w);
    int32_t a = 0;
    for (int k = 0; k < 16; k++) {
      uint8_t b = w[step - 16 + k];
      a += (b & 15) * x[i + k] + (b >> 4) * x[i + 16 + k];
    }
    least += scale * scales[i / 32] * (float)a + (step == 18 ? -8 * scale : half_to_float(w + 2)) * sums[i / 32];
  }
  return least;
#endif
}

/*
 * All take the same arguments, whether they need them or not: n activations as floats, and as bytes with a scale for each 32
 * of them; sums of each 32 of those that are used (bytes: times their scale).
 */
#define ARGUMENTS                                                                                       \
  const uint8_t *w, int64_t stride, int64_t count, const float *x, const int8_t *bytes,                 \
      const float *scales, const float *sums, float *out, int64_t n

#define ROWS(NAME, DOT)                                                                                 \
  void NAME(ARGUMENTS) {                                                                                \
    (void)x, (void)bytes, (void)scales, (void)sums;                                                     \
    for (int64_t r = 0; r < count; r++, w += stride) {                                                  \
      out[r] = DOT;                                                                                     \
    }                                                                                                   \
  }

#if defined(WIDE) && defined(__AVX512F__) && !defined(JAVAS_STEPS)
#define FOUR_ROWS 1

/* Sixteen weights times sixteen activations, added to sum. */
static __m512 sixteen(const uint8_t *p, const float *x, __m512 sum) {
  __m512 v = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p)));
  return _mm512_fmadd_ps(v, _mm512_loadu_ps(x), sum);
}

/* A block of 32 of Q8_0. */
static __m512 block_q8_0(const uint8_t *p, const float *x, __m512 sum) {
  __m512 d = _mm512_set1_ps(half_to_float(p));
  return _mm512_fmadd_ps(sixteen(p + 18, x + 16, sixteen(p + 2, x, _mm512_setzero_ps())), d, sum);
}

void rows_q8_0(ARGUMENTS) {
  (void)bytes, (void)scales, (void)sums;
  int64_t apart = count / 4;
  for (int64_t r = 0; r < apart; r++) {
    const uint8_t *p = w + r * stride, *q = p + apart * stride, *u = q + apart * stride, *v = u + apart * stride;
    __m512 a = _mm512_setzero_ps(), b = a, c = a, d = a;
    for (int64_t i = 0; i < n; i += 32, p += 34, q += 34, u += 34, v += 34) {
      a = block_q8_0(p, x + i, a);
      b = block_q8_0(q, x + i, b);
      c = block_q8_0(u, x + i, c);
      d = block_q8_0(v, x + i, d);
    }
    out[r] = _mm512_reduce_add_ps(a);
    out[r + apart] = _mm512_reduce_add_ps(b);
    out[r + 2 * apart] = _mm512_reduce_add_ps(c);
    out[r + 3 * apart] = _mm512_reduce_add_ps(d);
  }
  for (int64_t r = 4 * apart; r < count; r++) {
    out[r] = dot_q8_0(w + r * stride, x, n);
  }
}
#endif

ROWS(rows_f32, dot_f32(w, x, n))
ROWS(rows_bf16, dot_bf16(w, x, n))
ROWS(rows_q4_0, dot_q4(w, 18, x, sums, n))
ROWS(rows_q4_1, dot_q4(w, 20, x, sums, n))

#if defined(JAVAS_STEPS) && defined(WIDE)
/*
 * The steps of Java's kernels in the instructions that its vectors become, and no others: halves are converted by shifts, for
 * there is no conversion of them; bytes are multiplied as 16-bit numbers, for there is no product of bytes; weights are exact
 * before they meet an activation. So what Java lacks in instructions is told from what its compiler loses.
 */
#define MOST_ELEMENTS 8192

static __m256 shifted_halves(__m256i pairs, int odd) {
  if (!odd) {
    pairs = _mm256_slli_epi32(pairs, 16);
  }
  return _mm256_castsi256_ps(_mm256_and_si256(_mm256_srai_epi32(pairs, 3), _mm256_set1_epi32((int)0x8fffe000)));
}

/* Activations lie in blocks of 16: even elements, then odd ones; times 2^112, which the shifted halves lack. Four rows at once. */
void rows_f16(ARGUMENTS) {
  (void)bytes, (void)scales, (void)sums;
  float a[MOST_ELEMENTS] __attribute__((aligned(64)));
  for (int64_t i = 0; i < n; i += 16) {
    for (int k = 0; k < 8; k++) {
      a[i + k] = x[i + 2 * k] * 0x1p112f;
      a[i + 8 + k] = x[i + 2 * k + 1] * 0x1p112f;
    }
  }
  int64_t apart = count / 4;
  for (int64_t r = 0; r < apart; r++) {
    __m256 s[8];
    for (int k = 0; k < 8; k++) {
      s[k] = _mm256_setzero_ps();
    }
    for (int64_t i = 0; i < n; i += 16) {
      __m256 even = _mm256_load_ps(a + i), odd = _mm256_load_ps(a + i + 8);
#pragma GCC unroll 4
      for (int k = 0; k < 4; k++) {
        __m256i p = _mm256_loadu_si256((const __m256i *)(w + (r + k * apart) * stride + 2 * i));
        s[2 * k] = _mm256_fmadd_ps(shifted_halves(p, 0), even, s[2 * k]);
        s[2 * k + 1] = _mm256_fmadd_ps(shifted_halves(p, 1), odd, s[2 * k + 1]);
      }
    }
    for (int k = 0; k < 4; k++) {
      out[r + k * apart] = total(_mm256_add_ps(s[2 * k], s[2 * k + 1]));
    }
  }
  for (int64_t r = 4 * apart; r < count; r++) {
    out[r] = dot_f16(w + r * stride, x, n);
  }
}

/* 2^-24 times a scale: of normal ones by the steps of integers. */
static __m256 small_scale(const uint8_t *p) {
  int16_t h;
  memcpy(&h, p, 2);
  if (((h + 0x400) & 0x7800) == 0) {
    return _mm256_set1_ps(half_to_float(p) * 0x1p-24f);
  }
  int bits = (((int)((uint32_t)h << 16) >> 3) & (int)0x8fffe000) + ((112 - 24) << 23);
  return _mm256_castsi256_ps(_mm256_set1_epi32(bits));
}

/* 2^24 times byte k of each four. */
static __m256 byte_of_four(__m256i fours, int k) {
  __m256i v = k == 3 ? fours : _mm256_slli_epi32(fours, 24 - 8 * k);
  return _mm256_cvtepi32_ps(k == 0 ? v : _mm256_and_si256(v, _mm256_set1_epi32((int)0xff000000)));
}

/* Activations lie in blocks of 32: elements 0, 4, ... 28, then 1, 5, ... 29, and so on. Four rows at once; weights are exact first. */
void rows_q8_0(ARGUMENTS) {
  (void)bytes, (void)scales, (void)sums;
  float a[MOST_ELEMENTS] __attribute__((aligned(64)));
  for (int64_t i = 0; i < n; i += 32) {
    for (int k = 0; k < 32; k++) {
      a[i + k] = x[i + 4 * (k % 8) + k / 8];
    }
  }
  int64_t apart = count / 4;
  for (int64_t r = 0; r < apart; r++) {
    __m256 s[8];
    for (int k = 0; k < 8; k++) {
      s[k] = _mm256_setzero_ps();
    }
    for (int64_t b = 0; b < n / 32; b++) {
#pragma GCC unroll 4
      for (int k = 0; k < 4; k++) {
        const uint8_t *p = w + (r + k * apart) * stride + 34 * b;
        __m256 d = small_scale(p);
        __m256i fours = _mm256_loadu_si256((const __m256i *)(p + 2));
        __asm__("" : "+x"(fours)); /* loaded once: Java's compiler does not load while it masks */
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) {
          __m256 *sum = s + 2 * k + j % 2;
          *sum = _mm256_fmadd_ps(_mm256_mul_ps(byte_of_four(fours, j), d), _mm256_load_ps(a + 32 * b + 8 * j), *sum);
        }
      }
    }
    for (int k = 0; k < 4; k++) {
      out[r + k * apart] = total(_mm256_add_ps(s[2 * k], s[2 * k + 1]));
    }
  }
  for (int64_t r = 4 * apart; r < count; r++) {
    out[r] = dot_q8_0(w + r * stride, x, n);
  }
}

/*
 * For n a multiple of 64, at most MOST_ELEMENTS. Activations as 16-bit numbers. For bytes, a block of 32: even ones, odd ones less 256 times the even one before, and 2^15 - 128 times the even one. For nibbles, two
 * blocks side by side: what the four nibbles of each 16 bits meet, less 16 times what the one before meets, and -8 times all four.
 */
typedef struct {
  int16_t even[16], odd[16], correction[16];
} bytes_block;

typedef struct {
  int16_t first[16], second[16], third[16], fourth[16], offset[16];
} nibbles_pair;

static void spread_bytes(const int8_t *x, int64_t n, bytes_block *to) {
  for (int64_t b = 0; b < n / 32; b++) {
    for (int k = 0; k < 16; k++) {
      int even = x[32 * b + 2 * k], odd = x[32 * b + 2 * k + 1];
      to[b].even[k] = (int16_t)even;
      to[b].odd[k] = (int16_t)(odd - 256 * even);
      to[b].correction[k] = (int16_t)(0x8000 - 128 * even);
    }
  }
}

static void spread_nibbles(const int8_t *x, int64_t n, nibbles_pair *to) {
  for (int64_t b = 0; b < n / 32; b++) {
    nibbles_pair *pair = to + b / 2;
    for (int k = 0; k < 8; k++) {
      const int8_t *v = x + 32 * b + 2 * k;
      int at = (int)(b % 2) * 8 + k;
      pair->first[at] = v[0];
      pair->second[at] = (int16_t)(v[16] - 16 * v[0]);
      pair->third[at] = (int16_t)(v[1] - 16 * v[16]);
      pair->fourth[at] = (int16_t)(v[17] - 16 * v[1]);
      pair->offset[at] = (int16_t)(-8 * (v[0] + v[16] + v[1] + v[17]));
    }
  }
}

#define S16(p) _mm256_loadu_si256((const __m256i *)(p))

/* The lower byte 128 too large and each sum 2^15, so that none is negative; the lower sum goes into the fraction of 2^23. */
static __m256 step_q8_0(const uint8_t *w, const bytes_block *x) {
  __m256i z = S16(w + 2);
  __m256i v = _mm256_add_epi16(
      _mm256_add_epi16(_mm256_mullo_epi16(_mm256_xor_si256(z, _mm256_set1_epi16(0x80)), S16(x->even)),
                       _mm256_mullo_epi16(_mm256_srai_epi16(z, 8), S16(x->odd))),
      S16(x->correction));
  __m256i both = _mm256_add_epi32(_mm256_blend_epi16(v, _mm256_set1_epi16(0x4b00), 0xaa), _mm256_srli_epi32(v, 16));
  return _mm256_sub_ps(_mm256_castsi256_ps(both), _mm256_set1_ps(0x1p23f + 0x1p16f));
}

/* Two blocks at a time, a sum each. */
void int8_q8_0(ARGUMENTS) {
  (void)x, (void)sums;
  bytes_block spread[MOST_ELEMENTS / 32];
  spread_bytes(bytes, n, spread);
  for (int64_t r = 0; r < count; r++) {
    const uint8_t *p = w + r * stride;
    __m256 even = _mm256_setzero_ps(), odd = even;
    for (int64_t b = 0; b < n / 32; b += 2, p += 68) {
      even = _mm256_fmadd_ps(step_q8_0(p, spread + b), _mm256_set1_ps(half_to_float(p) * scales[b]), even);
      odd = _mm256_fmadd_ps(step_q8_0(p + 34, spread + b + 1), _mm256_set1_ps(half_to_float(p + 34) * scales[b + 1]), odd);
    }
    out[r] = total(_mm256_add_ps(even, odd));
  }
}

static __m256i step_q4(const uint8_t *first, const uint8_t *second, const nibbles_pair *x) {
  __m256i z = _mm256_blend_epi32(S16(first), S16(second - 16), 0xf0);
  __m256i v = _mm256_add_epi16(_mm256_mullo_epi16(z, S16(x->first)), _mm256_mullo_epi16(_mm256_srli_epi16(z, 4), S16(x->second)));
  v = _mm256_add_epi16(v, _mm256_mullo_epi16(_mm256_srli_epi16(z, 8), S16(x->third)));
  return _mm256_add_epi16(v, _mm256_mullo_epi16(_mm256_srli_epi16(z, 12), S16(x->fourth)));
}

/* The scales of two blocks, four times each, in the upper halves of 32 bits, times 2^-112. */
static __m256 small_halves(__m256i v) {
  return _mm256_castsi256_ps(_mm256_and_si256(_mm256_srai_epi32(v, 3), _mm256_set1_epi32((int)0x8fffe000)));
}

/* A scale in the upper half of each 32 bits. */
static __m256i two_scales(const uint8_t *p, const uint8_t *q) {
  int16_t a, b;
  memcpy(&a, p, 2);
  memcpy(&b, q, 2);
  return _mm256_blend_epi32(_mm256_set1_epi16(a), _mm256_set1_epi16(b), 0xf0);
}

/* A scale in the lower, a minimum in the upper half. */
static __m256i two_heads(const uint8_t *p, const uint8_t *q) {
  int32_t a, b;
  memcpy(&a, p, 4);
  memcpy(&b, q, 4);
  return _mm256_blend_epi32(_mm256_set1_epi32(a), _mm256_set1_epi32(b), 0xf0);
}

static __m256 eight(const float *two, float times) {
  return _mm256_mul_ps(_mm256_set_m128(_mm_set1_ps(two[1]), _mm_set1_ps(two[0])), _mm256_set1_ps(times));
}

#define NIBBLE_ROWS(NAME, STRIDE, CENTRED)                                                              \
  void NAME(ARGUMENTS) {                                                                                \
    (void)x;                                                                                            \
    nibbles_pair spread[MOST_ELEMENTS / 64];                                                            \
    __m256 factors[MOST_ELEMENTS / 64], totals[MOST_ELEMENTS / 64];                                     \
    spread_nibbles(bytes, n, spread);                                                                   \
    for (int64_t b = 0; b < n / 64; b++) {                                                              \
      factors[b] = eight(scales + 2 * b, 0x1p112f);                                                     \
      totals[b] = eight(sums + 2 * b, 1);                                                               \
    }                                                                                                   \
    for (int64_t r = 0; r < count; r++) {                                                               \
      const uint8_t *p = w + r * stride;                                                                \
      __m256 even = _mm256_setzero_ps(), odd = even, least = even;                                      \
      for (int64_t b = 0; b < n / 64; b++, p += 2 * STRIDE) {                                           \
        __m256i v = step_q4(p + STRIDE - 16, p + 2 * STRIDE - 16, spread + b);                          \
        __m256i d_bits;                                                                                 \
        if (CENTRED) {                                                                                  \
          d_bits = two_scales(p, p + STRIDE);                                                           \
          v = _mm256_add_epi16(v, S16(spread[b].offset));                                               \
        } else {                                                                                        \
          __m256i heads = two_heads(p, p + STRIDE);                                                     \
          d_bits = _mm256_slli_epi32(heads, 16);                                                        \
          least = _mm256_fmadd_ps(_mm256_mul_ps(small_halves(heads), _mm256_set1_ps(0x1p112f)), totals[b], least);\
        }                                                                                               \
        __m256 d = _mm256_mul_ps(small_halves(d_bits), factors[b]);                                     \
        even = _mm256_fmadd_ps(_mm256_cvtepi32_ps(_mm256_srai_epi32(_mm256_slli_epi32(v, 16), 16)), d, even); \
        odd = _mm256_fmadd_ps(_mm256_cvtepi32_ps(_mm256_srai_epi32(v, 16)), d, odd);                    \
      }                                                                                                 \
      out[r] = total(_mm256_add_ps(even, odd)) + _mm256_cvtss_f32(least) +                              \
               _mm_cvtss_f32(_mm256_extractf128_ps(least, 1));                                          \
    }                                                                                                   \
  }
NIBBLE_ROWS(int8_q4_0, 18, 1)
NIBBLE_ROWS(int8_q4_1, 20, 0)
#else
ROWS(rows_f16, dot_f16(w, x, n))
#ifndef FOUR_ROWS
ROWS(rows_q8_0, dot_q8_0(w, x, n))
#endif
ROWS(int8_q8_0, dot_q8_0_int8(w, bytes, scales, n))
ROWS(int8_q4_0, dot_q4_int8(w, 18, bytes, scales, sums, n))
ROWS(int8_q4_1, dot_q4_int8(w, 20, bytes, scales, sums, n))
#endif

/* Columns add count factors x times n weights to out. */
void columns_f16(ARGUMENTS) {
  (void)bytes, (void)scales, (void)sums;
  const float *h = x;
  float *y = out;
  for (int64_t c = 0; c < count; c++, w += stride) {
#ifdef WIDE
    __m256 a = _mm256_set1_ps(h[c]);
    for (int64_t i = 0; i < n; i += 8) {
      __m256 v = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(w + 2 * i)));
      _mm256_storeu_ps(y + i, _mm256_fmadd_ps(v, a, _mm256_loadu_ps(y + i)));
    }
#else
    for (int64_t i = 0; i < n; i++) {
      y[i] += h[c] * half_to_float(w + 2 * i);
    }
#endif
  }
}

/* Four columns in one pass over y. */
void columns_i8(ARGUMENTS) {
  (void)bytes, (void)scales, (void)sums;
  const float *h = x;
  float *y = out;
  int64_t c = 0;
#ifdef WIDE
  for (; c + 4 <= count; c += 4, w += 4 * stride) {
    __m256 a0 = _mm256_set1_ps(h[c]), a1 = _mm256_set1_ps(h[c + 1]);
    __m256 a2 = _mm256_set1_ps(h[c + 2]), a3 = _mm256_set1_ps(h[c + 3]);
    for (int64_t i = 0; i < n; i += 8) {
      __m256 s = _mm256_fmadd_ps(bytes_to_floats(w + i), a0, _mm256_loadu_ps(y + i));
      s = _mm256_fmadd_ps(bytes_to_floats(w + stride + i), a1, s);
      s = _mm256_fmadd_ps(bytes_to_floats(w + 2 * stride + i), a2, s);
      s = _mm256_fmadd_ps(bytes_to_floats(w + 3 * stride + i), a3, s);
      _mm256_storeu_ps(y + i, s);
    }
  }
#endif
  for (; c < count; c++, w += stride) {
    for (int64_t i = 0; i < n; i++) {
      y[i] += h[c] * (float)(int8_t)w[i];
    }
  }
}

/*
 * What a layer does with bundles that lie anywhere in memory. Rows come before columns in a bundle. Lines of the next four
 * bundles are asked for (into L2: requests for L1 are dropped once its few outstanding misses are taken).
 */
static void ask(const uint8_t *p, int64_t bytes) {
  for (int64_t i = 0; i < bytes; i += 64) {
    __builtin_prefetch(p + i, 0, 2);
  }
}

#define AHEAD 4

void scattered_rows(const uint8_t *memory, const int64_t *bundles, int64_t from, int64_t to, const int8_t *x,
                    const float *x_scales, float *out, int64_t n) {
  int64_t bytes = n / 32 * 34;
  for (int64_t r = from; r < to && r < from + AHEAD; r++) {
    ask(memory + bundles[r], bytes);
  }
  for (int64_t r = from; r < to; r++) {
    if (r + AHEAD < to) {
      ask(memory + bundles[r + AHEAD], bytes);
    }
    out[r] = dot_q8_0_int8(memory + bundles[r], x, x_scales, n);
  }
}

/* Of neurons that ascend; 32 of them share a row of n F16 scales; n is a multiple of 32. */
void scattered_columns(const uint8_t *memory, const int64_t *bundles, int64_t column, const int32_t *neurons,
                       int64_t from, int64_t to, const float *h, const uint8_t *scales, float *y, int64_t n) {
  int64_t asked = from;
  for (int64_t first = from; first < to;) {
    int32_t block = neurons[first] / 32;
    int64_t end = first + 1;
    while (end < to && neurons[end] / 32 == block) {
      end++;
    }
    for (; asked < to && asked < end + AHEAD; asked++) {
      ask(memory + bundles[asked] + column, n);
    }
    const uint8_t *scale = scales + 2 * n * block;
    for (int64_t i = 0; i < n; i += 32) {
#ifdef WIDE
      __m256 s0 = _mm256_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
      for (int64_t c = first; c < end; c++) {
        const uint8_t *w = memory + bundles[c] + column + i;
        __m256 a = _mm256_set1_ps(h[c]);
        s0 = _mm256_fmadd_ps(bytes_to_floats(w), a, s0);
        s1 = _mm256_fmadd_ps(bytes_to_floats(w + 8), a, s1);
        s2 = _mm256_fmadd_ps(bytes_to_floats(w + 16), a, s2);
        s3 = _mm256_fmadd_ps(bytes_to_floats(w + 24), a, s3);
      }
      const __m128i *d = (const __m128i *)(scale + 2 * i);
#define CLOSE(k, s)                                                                                     \
  _mm256_storeu_ps(y + i + 8 * k, _mm256_fmadd_ps(_mm256_cvtph_ps(_mm_loadu_si128(d + k)), s,           \
                                                  _mm256_loadu_ps(y + i + 8 * k)))
      CLOSE(0, s0);
      CLOSE(1, s1);
      CLOSE(2, s2);
      CLOSE(3, s3);
#else
      for (int64_t k = i; k < i + 32; k++) {
        float s = 0;
        for (int64_t c = first; c < end; c++) {
          s += h[c] * (float)(int8_t)memory[bundles[c] + column + k];
        }
        y[k] += half_to_float(scale + 2 * k) * s;
      }
#endif
    }
    first = end;
  }
}
