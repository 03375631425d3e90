// The complex discrete Fourier transform over lanes, in place:
//
//     Z_k = sum_j z_j exp(-2 pi i j k/n),
//
// by decimation in time (Cooley, Tukey, Math. Comp. 1965) for any n. Element k is two rows of lanes,
// real part and imaginary part. Whoever fills the buffer puts z_j at place[j], its index with the
// digits reversed; then every pass works in place and Z comes out in order.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "m4dl/base/block.hpp"
#include "m4dl/base/simd.hpp"

namespace m4dl {

struct Rader;

struct Fft {
    // Joins `radix` transforms of the given length into one.
    struct Pass {
        Index radix, length;
        Index twiddle;  // exp(-2 pi i q m/(radix length)): for each q < length, m = 1..radix-1
        Index roots;    // exp(+2 pi i m/radix), m = 0..radix-1
        std::shared_ptr<const Rader> rader;  // null where O(radix^2) is cheaper
    };

    explicit Fft(Index n, bool with_rader = true);

    Index buffer_rows() const { return 2 * size + scratch; }
    double cost() const;  // multiplications per row, about

    Index size, scratch;  // elements; rows of scratch behind them
    std::vector<Pass> passes;
    std::vector<Index> place;
    std::vector<double> tables;  // complex numbers, real part first
};

// A transform of prime length p as a cyclic convolution of length p - 1 (Rader, Proc. IEEE 1968).
// With g a generator modulo p,
//     Z_{g^-q} = z_0 + sum_m z_{g^m} b_{q-m},   b_m = exp(-2 pi i g^-m/p).
struct Rader {
    Fft fft;                       // length p - 1
    std::vector<Index> power;      // g^m
    std::vector<double> spectrum;  // transform of b, divided by p - 1
};

// exp(2 pi i j/n), rounded once where long double is longer than double.
std::array<double, 2> unit_root(Index j, Index n);

namespace fft {

using simd::broadcast, simd::load, simd::Real, simd::store;

inline constexpr int kRow = static_cast<int>(kLanes);

// The transform of R elements held in registers. Twiddles have been applied.
template <int W, int R>
M4DL_INLINE void butterfly(Real<W> (&re)[R], Real<W> (&im)[R], const double* roots) {
    if constexpr (R == 2) {
        const Real<W> a = re[0], b = im[0];
        re[0] = a + re[1], im[0] = b + im[1];
        re[1] = a - re[1], im[1] = b - im[1];
    } else if constexpr (R == 4) {
        const Real<W> ar = re[0] + re[2], ai = im[0] + im[2], br = re[0] - re[2],
                      bi = im[0] - im[2], cr = re[1] + re[3], ci = im[1] + im[3],
                      dr = re[1] - re[3], di = im[1] - im[3];
        re[0] = ar + cr, im[0] = ai + ci;
        re[1] = br + di, im[1] = bi - dr;
        re[2] = ar - cr, im[2] = ai - ci;
        re[3] = br - di, im[3] = bi + dr;
    } else {
        // Odd R. With s_j = z_j + z_{R-j} and d_j = z_j - z_{R-j}:
        // Z_k = z_0 + sum_j s_j cos(2 pi j k/R) - i d_j sin(2 pi j k/R), and Z_{R-k} with +i.
        constexpr int H = (R - 1) / 2;
        Real<W> sr[H], si[H], dr[H], di[H];
        const Real<W> zr = re[0], zi = im[0];
#pragma GCC unroll 8
        for (int j = 0; j < H; ++j) {
            sr[j] = re[j + 1] + re[R - 1 - j], si[j] = im[j + 1] + im[R - 1 - j];
            dr[j] = re[j + 1] - re[R - 1 - j], di[j] = im[j + 1] - im[R - 1 - j];
            re[0] += sr[j], im[0] += si[j];
        }
#pragma GCC unroll 8
        for (int k = 1; k <= H; ++k) {
            Real<W> er = zr, ei = zi, odd_r = Real<W>{}, odd_i = Real<W>{};
#pragma GCC unroll 8
            for (int j = 0; j < H; ++j) {
                const Real<W> c = broadcast<W>(roots[2 * ((j + 1) * k % R)]);
                const Real<W> s = broadcast<W>(roots[2 * ((j + 1) * k % R) + 1]);
                er += c * sr[j], ei += c * si[j];
                odd_r += s * di[j], odd_i += s * dr[j];
            }
            re[k] = er + odd_r, im[k] = ei - odd_i;
            re[R - k] = er - odd_r, im[R - k] = ei + odd_i;
        }
    }
}

// Multiplies by the complex number at w.
template <int W>
M4DL_INLINE void rotate(Real<W>& re, Real<W>& im, const double* w) {
    const Real<W> a = re, c = broadcast<W>(w[0]), s = broadcast<W>(w[1]);
    re = a * c - im * s;
    im = a * s + im * c;
}

// Element q of each of the R transforms that start at z, `step` rows apart.
template <int W, int R, bool Twiddled>
M4DL_INLINE void column(double* z, Index step, const double* twiddle, const double* roots) {
    for (int half = 0; half < kRow; half += W) {
        Real<W> re[R], im[R];
#pragma GCC unroll 8
        for (int m = 0; m < R; ++m) {
            re[m] = load<W>(z + m * step * kRow + half);
            im[m] = load<W>(z + (m * step + 1) * kRow + half);
            if (Twiddled && m > 0) rotate<W>(re[m], im[m], twiddle + 2 * (m - 1));
        }
        butterfly<W, R>(re, im, roots);
#pragma GCC unroll 8
        for (int m = 0; m < R; ++m) {
            store<W>(z + m * step * kRow + half, re[m]);
            store<W>(z + (m * step + 1) * kRow + half, im[m]);
        }
    }
}

// The same for any odd radix p, through `scratch` (2 p rows): O(p^2), half of a dense product.
template <int W>
M4DL_INLINE void prime_column(double* z, Index step, const double* twiddle, const double* roots,
                              Index p, double* scratch) {
    const Index h = (p - 1) / 2;
    for (int half = 0; half < kRow; half += W) {
        auto at = [&](Index m) M4DL_INLINE_LAMBDA { return z + m * step * kRow + half; };
        const Real<W> zr = load<W>(at(0)), zi = load<W>(at(0) + kRow);
        Real<W> sum_r = zr, sum_i = zi;
        for (Index j = 1; j <= h; ++j) {
            Real<W> ar = load<W>(at(j)), ai = load<W>(at(j) + kRow);
            Real<W> br = load<W>(at(p - j)), bi = load<W>(at(p - j) + kRow);
            rotate<W>(ar, ai, twiddle + 2 * (j - 1));
            rotate<W>(br, bi, twiddle + 2 * (p - j - 1));
            double* pair = scratch + 4 * (j - 1) * kRow + half;
            store<W>(pair, ar + br), store<W>(pair + kRow, ai + bi);
            store<W>(pair + 2 * kRow, ar - br), store<W>(pair + 3 * kRow, ai - bi);
            sum_r += ar + br, sum_i += ai + bi;
        }
        store<W>(at(0), sum_r), store<W>(at(0) + kRow, sum_i);
        for (Index k = 1; k <= h; ++k) {
            Real<W> er = zr, ei = zi, odd_r = Real<W>{}, odd_i = Real<W>{};
            Index turn = 0;
            for (Index j = 0; j < h; ++j) {
                turn += turn + k < p ? k : k - p;
                const double* pair = scratch + 4 * j * kRow + half;
                const Real<W> c = broadcast<W>(roots[2 * turn]);
                const Real<W> s = broadcast<W>(roots[2 * turn + 1]);
                er += c * load<W>(pair), ei += c * load<W>(pair + kRow);
                odd_i += s * load<W>(pair + 2 * kRow), odd_r += s * load<W>(pair + 3 * kRow);
            }
            store<W>(at(k), er + odd_r), store<W>(at(k) + kRow, ei - odd_i);
            store<W>(at(p - k), er - odd_r), store<W>(at(p - k) + kRow, ei + odd_i);
        }
    }
}

template <int W, int R>
M4DL_INLINE void pass(double* z, Index n, Index length, const double* twiddle,
                      const double* roots) {
    for (Index block = 0; block < n; block += R * length) {
        column<W, R, false>(z + 2 * block * kRow, 2 * length, nullptr, roots);
        for (Index q = 1; q < length; ++q)
            column<W, R, true>(z + 2 * (block + q) * kRow, 2 * length, twiddle + 2 * (R - 1) * q,
                               roots);
    }
}

template <int W, bool WithRader>
M4DL_INLINE void transform(const Fft& plan, double* buffer);

// The same by Rader's convolution: two transforms in `scratch`. The second one is backwards, for
// which real and imaginary part are swapped before and after it.
template <int W>
M4DL_INLINE void rader_column(double* z, Index step, const double* twiddle, const Rader& rader,
                              double* scratch) {
    const Index n = rader.fft.size;
    double* second = scratch + rader.fft.buffer_rows() * kRow;
    const double* spectrum = rader.spectrum.data();
    for (Index m = 0; m < n; ++m)
        for (int half = 0; half < kRow; half += W) {
            const double* from = z + rader.power[m] * step * kRow + half;
            double* to = scratch + 2 * rader.fft.place[m] * kRow + half;
            Real<W> re = load<W>(from), im = load<W>(from + kRow);
            rotate<W>(re, im, twiddle + 2 * (rader.power[m] - 1));
            store<W>(to, re), store<W>(to + kRow, im);
        }
    transform<W, false>(rader.fft, scratch);
    for (Index k = 0; k < n; ++k)
        for (int half = 0; half < kRow; half += W) {
            double* to = second + 2 * rader.fft.place[k] * kRow + half;
            Real<W> re = load<W>(scratch + 2 * k * kRow + half);
            Real<W> im = load<W>(scratch + (2 * k + 1) * kRow + half);
            const Real<W> sum_r = re, sum_i = im;
            rotate<W>(re, im, spectrum + 2 * k);
            if (k == 0) {  // where z_0 is added to all, and all to z_0
                const Real<W> zr = load<W>(z + half), zi = load<W>(z + kRow + half);
                re += zr, im += zi;
                store<W>(z + half, zr + sum_r), store<W>(z + kRow + half, zi + sum_i);
            }
            store<W>(to, im), store<W>(to + kRow, re);
        }
    transform<W, false>(rader.fft, second);
    for (Index q = 0; q < n; ++q)
        for (int half = 0; half < kRow; half += W) {
            double* to = z + rader.power[q == 0 ? 0 : n - q] * step * kRow + half;
            store<W>(to, load<W>(second + (2 * q + 1) * kRow + half));
            store<W>(to + kRow, load<W>(second + 2 * q * kRow + half));
        }
}

// `buffer`: n elements in the order of `place`, then scratch.
template <int W, bool WithRader>
M4DL_INLINE void transform(const Fft& plan, double* buffer) {
    const Index n = plan.size;
    double* scratch = buffer + 2 * n * kRow;
    for (const Fft::Pass& p : plan.passes) {
        const double* twiddle = plan.tables.data() + p.twiddle;
        const double* roots = plan.tables.data() + p.roots;
        switch (p.radix) {
            case 2: pass<W, 2>(buffer, n, p.length, twiddle, roots); break;
            case 3: pass<W, 3>(buffer, n, p.length, twiddle, roots); break;
            case 4: pass<W, 4>(buffer, n, p.length, twiddle, roots); break;
            case 5: pass<W, 5>(buffer, n, p.length, twiddle, roots); break;
            default:
                for (Index block = 0; block < n; block += p.radix * p.length)
                    for (Index q = 0; q < p.length; ++q) {
                        double* z = buffer + 2 * (block + q) * kRow;
                        const double* w = twiddle + 2 * (p.radix - 1) * q;
                        if (WithRader && p.rader)
                            rader_column<W>(z, 2 * p.length, w, *p.rader, scratch);
                        else
                            prime_column<W>(z, 2 * p.length, w, roots, p.radix, scratch);
                    }
        }
    }
}

}  // namespace fft
}  // namespace m4dl
