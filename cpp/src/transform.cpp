#include "m4dl/linalg/transform.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "m4dl/base/parallel.hpp"
#include "m4dl/base/require.hpp"

namespace m4dl {
namespace {

using fft::kRow, fft::rotate;
using simd::broadcast, simd::load, simd::Real, simd::store;
using Plan = LineTransform::Plan;

constexpr double kOne = 1.0, kZero = 0.0;
constexpr Index kMaxRanges = 16;        // of lines, one for each thread inside a block
constexpr Index kWorthwhile = 1 << 14;  // rows of a field that occupies more than one thread

// Numbers of the rows of a field; a step of 0 repeats one for all.
struct Numbers {
    Numbers(const double* given, const double* neutral)
        : at(given ? given : neutral), step(given != nullptr) {}
    const double* at;
    Index step;
};

struct Task {
    LineTransform::Field field;
    Numbers before, after, shift;
};

// Two lines a and b of a field travel as the complex sequence a + i b, of which one complex
// transform is two real ones: with Z the transform, A_k = (Z_k + conj Z_{n-k})/2 and
// B_k = (Z_k - conj Z_{n-k})/(2i).
template <int W>
struct Pair {
    // An odd number of lines leaves the last one to pair with itself.
    M4DL_INLINE Pair(const Task& task, Index size, Index pair) : task(task), size(size) {
        const Index last = task.field.outer * task.field.inner - 1;
        a = start(2 * pair), b = start(std::min(2 * pair + 1, last));
    }
    M4DL_INLINE Index start(Index line) const {
        const Index inner = task.field.inner;
        return line / inner * size * inner + line % inner;
    }
    M4DL_INLINE Real<W> read(Index line, Index i, int half) const {
        const Index row = line + i * task.field.inner;
        return load<W>(task.field.from + row * kRow + half) *
               broadcast<W>(task.before.at[row * task.before.step]);
    }
    M4DL_INLINE void write(Index line, Index i, int half, Real<W> value) const {
        const Index row = line + i * task.field.inner;
        store<W>(task.field.to + row * kRow + half,
                 value * broadcast<W>(task.after.at[row * task.after.step]) +
                     broadcast<W>(task.shift.at[row * task.shift.step]));
    }
    const Task& task;
    Index size, a, b;
};

template <int W>
M4DL_INLINE void put(double* buffer, Index element, int half, Real<W> re, Real<W> im) {
    store<W>(buffer + 2 * element * kRow + half, re);
    store<W>(buffer + (2 * element + 1) * kRow + half, im);
}
template <int W>
M4DL_INLINE void get(const double* buffer, Index element, int half, Real<W>& re, Real<W>& im) {
    re = load<W>(buffer + 2 * element * kRow + half);
    im = load<W>(buffer + (2 * element + 1) * kRow + half);
}

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

template <int W>
M4DL_INLINE void lines_kernel(const Plan& plan, Direction direction, const Task& task, Index begin,
                              Index end, double* buffer) {
    for (Index k = begin; k < end; ++k) {
        const Pair<W> pair(task, plan.size, k);
        switch (plan.basis) {
            case Basis::kDct1: dct1<W>(plan, pair, buffer); break;
            case Basis::kDst1: dst1<W>(plan, pair, buffer); break;
            case Basis::kDct2:
                if (direction == Direction::kToCoefficients)
                    dct2<W>(plan, pair, buffer);
                else
                    dct3<W>(plan, pair, buffer);
        }
    }
}
M4DL_DISPATCH(lines_kernel, transform_lines,
              (const Plan& plan, Direction direction, const Task& task, Index begin, Index end,
               double* buffer),
              (plan, direction, task, begin, end, buffer))

LineTransform::Plan make_plan(Basis basis, Index n) {
    require(n >= 1, "a transform needs at least one point, got ", n);
    // One point: all three matrices are 1.
    if (n == 1) basis = Basis::kDct2;
    const Index length = n + (basis == Basis::kDst1) - (basis == Basis::kDct1);
    Plan plan{basis, n, Fft(length), {}, {}};
    const double scale = std::sqrt(2.0 / static_cast<double>(length));
    for (Index k = 0; k < length; ++k) {
        if (basis == Basis::kDct2) {
            const auto [c, s] = unit_root(k, 4 * n);
            const double norm = k == 0 ? std::sqrt(1.0 / static_cast<double>(n)) : scale / 2;
            plan.factor.insert(plan.factor.end(), {norm * c, -norm * s});
            plan.shuffle.push_back(k % 2 ? n - 1 - k / 2 : k / 2);
        } else {
            const auto [c, s] = unit_root(k, 2 * length);
            plan.factor.insert(plan.factor.end(), {scale / 2 * s, scale * c});
        }
    }
    return plan;
}

}  // namespace

LineTransform::LineTransform(Basis basis, Index n) : plan_(make_plan(basis, n)) {}

double LineTransform::cost() const { return plan_.fft.cost() + 2.0; }

// Room for two lines as one complex sequence, once for each range of lines.
Index LineTransform::buffer_rows(Index field_rows) const {
    const Index lines = field_rows / size(), ranges = field_rows < kWorthwhile ? 1 : kMaxRanges;
    return std::min(ranges, (lines + 1) / 2) * (plan_.fft.buffer_rows() + 2);
}

void LineTransform::apply(Direction direction, const Field& field, const Scaling& scaling,
                          Block& buffer) const {
    const Index pairs = (field.outer * field.inner + 1) / 2;
    const Index rows = plan_.fft.buffer_rows() + 2;
    const Index ranges = std::min(buffer.rows() / rows, pairs);
    const Task task{
        field, {scaling.before, &kOne}, {scaling.after, &kOne}, {scaling.shift, &kZero}};
    for_ranges(ranges, 2 * pairs * size() / ranges, [&](Index begin, Index end) {
        transform_lines(plan_, direction, task, pairs * begin / ranges, pairs * end / ranges,
                        buffer.data() + begin * rows * kLanes);
    });
}

}  // namespace m4dl
