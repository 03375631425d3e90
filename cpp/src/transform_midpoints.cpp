#include "m4dl/linalg/line_pairs.hpp"

namespace m4dl::lines {
namespace {

using fft::rotate;

// DCT-II by one transform of the same length (Makhoul, IEEE Trans. ASSP 1980): take the even
// points forwards, then the odd points backwards; with w_k = exp(-i pi k/(2n)), line a has
// w_k A_k = a_k - i a_{n-k}. For the pair,
//     w_k Z_k = (a_k + b_{n-k}) + i (b_k - a_{n-k}).
template <int W>
M4DL_INLINE void dct2(const Plan& plan, const Pair<W>& pair, double* buffer) {
    const Index n = plan.size;
    for (Index i = 0; i < n; ++i)
        for (int half = 0; half < kRow; half += W)
            put<W>(buffer, plan.fft.place[plan.shuffle[i]], half, pair.read(pair.a, i, half),
                   pair.read(pair.b, i, half));
    fft::transform<W, true>(plan.fft, buffer);
    const double* w = plan.factor.data();
    for (int half = 0; half < kRow; half += W) {
        Real<W> re, im;
        get<W>(buffer, 0, half, re, im);
        pair.write(pair.a, 0, half, re * w[0]);
        pair.write(pair.b, 0, half, im * w[0]);
    }
    for (Index k = 1; k <= n - k; ++k)
        for (int half = 0; half < kRow; half += W) {
            Real<W> ur, ui, vr, vi;
            get<W>(buffer, k, half, ur, ui);
            get<W>(buffer, n - k, half, vr, vi);
            rotate<W>(ur, ui, w + 2 * k);
            rotate<W>(vr, vi, w + 2 * (n - k));
            pair.write(pair.a, k, half, ur - vi);
            pair.write(pair.b, k, half, ui + vr);
            pair.write(pair.a, n - k, half, vr - ui);
            pair.write(pair.b, n - k, half, vi + ur);
        }
}

// The transpose, step by step. It needs the transform with exp(+i ...): that of the sequence with
// real and imaginary part swapped, swapped.
template <int W>
M4DL_INLINE void dct3(const Plan& plan, const Pair<W>& pair, double* buffer) {
    const Index n = plan.size;
    const double* w = plan.factor.data();
    const Index* place = plan.fft.place.data();
    for (int half = 0; half < kRow; half += W)
        put<W>(buffer, place[0], half, pair.read(pair.b, 0, half) * w[0],
               pair.read(pair.a, 0, half) * w[0]);
    for (Index k = 1; k <= n - k; ++k)
        for (int half = 0; half < kRow; half += W) {
            const Real<W> ak = pair.read(pair.a, k, half), bk = pair.read(pair.b, k, half),
                          al = pair.read(pair.a, n - k, half), bl = pair.read(pair.b, n - k, half);
            Real<W> ur = bk - al, ui = ak + bl, vr = bl - ak, vi = al + bk;
            rotate<W>(ur, ui, w + 2 * k);
            rotate<W>(vr, vi, w + 2 * (n - k));
            put<W>(buffer, place[k], half, ur, ui);
            put<W>(buffer, place[n - k], half, vr, vi);
        }
    fft::transform<W, true>(plan.fft, buffer);
    for (Index i = 0; i < n; ++i)
        for (int half = 0; half < kRow; half += W) {
            Real<W> re, im;
            get<W>(buffer, plan.shuffle[i], half, re, im);
            pair.write(pair.a, i, half, im);
            pair.write(pair.b, i, half, re);
        }
}

}  // namespace

M4DL_LINE_PAIRS(dct2)
M4DL_LINE_PAIRS(dct3)

}  // namespace m4dl::lines
