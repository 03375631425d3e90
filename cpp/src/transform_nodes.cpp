#include "m4dl/linalg/line_pairs.hpp"

#include <numbers>

namespace m4dl::lines {
namespace {

// F_k = sum f_j cos(pi j k/N), j = 0..N = n - 1, the ends by half, from a transform of length N
// (Cooley, Lewis, Welch, J. Sound Vib. 1970): of
//     y_j = (f_j + f_{N-j})/2 - sin(pi j/N) (f_j - f_{N-j})
// the real part is F_{2k}, and minus the imaginary part F_{2k+1} - F_{2k-1}. F_1 is summed apart.
// The running sum lets rounding errors grow like sqrt(N): 1e-14 at N = 512.
template <int W>
M4DL_INLINE void dct1(const Plan& plan, const Pair<W>& pair, double* buffer) {
    const Index n = plan.fft.size;
    const double end = std::numbers::sqrt2 / 2, scale = plan.factor[1];
    const Index* place = plan.fft.place.data();
    for (int half = 0; half < kRow; half += W) {
        const Real<W> a0 = pair.read(pair.a, 0, half), b0 = pair.read(pair.b, 0, half),
                      an = pair.read(pair.a, n, half), bn = pair.read(pair.b, n, half);
        put<W>(buffer, place[0], half, (a0 + an) * (end * scale / 2),
               (b0 + bn) * (end * scale / 2));
        Real<W> first_a = (a0 - an) * (end * scale), first_b = (b0 - bn) * (end * scale);
        for (Index j = 1; j <= n - j; ++j) {
            const Real<W> aj = pair.read(pair.a, j, half), bj = pair.read(pair.b, j, half),
                          al = pair.read(pair.a, n - j, half), bl = pair.read(pair.b, n - j, half);
            const Real<W> sine = broadcast<W>(plan.factor[2 * j]),
                          cosine = broadcast<W>(plan.factor[2 * j + 1]);
            const Real<W> even_a = (aj + al) * (scale / 4), even_b = (bj + bl) * (scale / 4),
                          odd_a = (aj - al) * sine, odd_b = (bj - bl) * sine;
            put<W>(buffer, place[j], half, even_a - odd_a, even_b - odd_b);
            put<W>(buffer, place[n - j], half, even_a + odd_a, even_b + odd_b);
            first_a += (aj - al) * cosine, first_b += (bj - bl) * cosine;
        }
        put<W>(buffer + plan.fft.buffer_rows() * kRow, 0, half, first_a, first_b);
    }
    fft::transform<W, true>(plan.fft, buffer);
    for (int half = 0; half < kRow; half += W) {
        Real<W> re, im, odd_a, odd_b;
        const auto write = [&](Index k, Real<W> a, Real<W> b) M4DL_INLINE_LAMBDA {
            const double e = k == 0 || k == n ? end : 1.0;
            pair.write(pair.a, k, half, a * e);
            pair.write(pair.b, k, half, b * e);
        };
        get<W>(buffer, 0, half, re, im);
        write(0, re + re, im + im);
        get<W>(buffer + plan.fft.buffer_rows() * kRow, 0, half, odd_a, odd_b);
        write(1, odd_a, odd_b);
        for (Index k = 1; 2 * k <= n; ++k) {
            Real<W> other_re, other_im;
            get<W>(buffer, k, half, re, im);
            get<W>(buffer, n - k, half, other_re, other_im);
            write(2 * k, re + other_re, im + other_im);
            odd_a -= im - other_im, odd_b -= other_re - re;
            if (2 * k < n) write(2 * k + 1, odd_a, odd_b);
        }
    }
}

// F_k = sum f_j sin(pi j k/N), j = 1..N-1 = n, in the same way: of
//     y_j = sin(pi j/N) (f_j + f_{N-j}) + (f_j - f_{N-j})/2
// minus the imaginary part is F_{2k}, and the real part F_{2k+1} - F_{2k-1}.
template <int W>
M4DL_INLINE void dst1(const Plan& plan, const Pair<W>& pair, double* buffer) {
    const Index n = plan.fft.size;
    const double scale = plan.factor[1];
    const Index* place = plan.fft.place.data();
    for (int half = 0; half < kRow; half += W) {
        put<W>(buffer, place[0], half, Real<W>{}, Real<W>{});
        for (Index j = 1; j <= n - j; ++j) {
            const Real<W> aj = pair.read(pair.a, j - 1, half), bj = pair.read(pair.b, j - 1, half),
                          al = pair.read(pair.a, n - j - 1, half),
                          bl = pair.read(pair.b, n - j - 1, half);
            const Real<W> sine = broadcast<W>(plan.factor[2 * j]);
            const Real<W> even_a = (aj + al) * sine, even_b = (bj + bl) * sine,
                          odd_a = (aj - al) * (scale / 4), odd_b = (bj - bl) * (scale / 4);
            put<W>(buffer, place[j], half, even_a + odd_a, even_b + odd_b);
            put<W>(buffer, place[n - j], half, even_a - odd_a, even_b - odd_b);
        }
    }
    fft::transform<W, true>(plan.fft, buffer);
    for (int half = 0; half < kRow; half += W) {
        Real<W> odd_a, odd_b;
        get<W>(buffer, 0, half, odd_a, odd_b);
        for (Index k = 1;; ++k) {
            pair.write(pair.a, 2 * k - 2, half, odd_a);
            pair.write(pair.b, 2 * k - 2, half, odd_b);
            if (2 * k >= n) break;
            Real<W> re, im, other_re, other_im;
            get<W>(buffer, k, half, re, im);
            get<W>(buffer, n - k, half, other_re, other_im);
            pair.write(pair.a, 2 * k - 1, half, other_im - im);
            pair.write(pair.b, 2 * k - 1, half, re - other_re);
            if (2 * k + 1 >= n) break;
            odd_a += re + other_re, odd_b += im + other_im;
        }
    }
}

}  // namespace

M4DL_LINE_PAIRS(dct1)
M4DL_LINE_PAIRS(dst1)

}  // namespace m4dl::lines
