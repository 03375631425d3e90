#include "m4dl/linalg/transform.hpp"

#include <algorithm>
#include <cmath>

#include "m4dl/base/parallel.hpp"
#include "m4dl/base/require.hpp"
#include "m4dl/linalg/line_pairs.hpp"

namespace m4dl {
namespace {

constexpr double kOne = 1.0, kZero = 0.0;
constexpr Index kMaxRanges = 16;        // of lines, one for each thread inside a block
constexpr Index kWorthwhile = 1 << 14;  // rows of a field that occupies more than one thread

void transform_lines(Direction direction, const lines::Pairs& pairs) {
    switch (pairs.plan.basis) {
        case Basis::kDct1: return lines::dct1_pairs(pairs);
        case Basis::kDst1: return lines::dst1_pairs(pairs);
        case Basis::kDct2:
            return direction == Direction::kToCoefficients ? lines::dct2_pairs(pairs)
                                                           : lines::dct3_pairs(pairs);
    }
}

LineTransform::Plan make_plan(Basis basis, Index n) {
    require(n >= 1, "a transform needs at least one point, got ", n);
    // One point: all three matrices are 1.
    if (n == 1) basis = Basis::kDct2;
    const Index length = n + (basis == Basis::kDst1) - (basis == Basis::kDct1);
    LineTransform::Plan plan{basis, n, Fft(length), {}, {}};
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
    const lines::Task task{
        field, {scaling.before, &kOne}, {scaling.after, &kOne}, {scaling.shift, &kZero}};
    for_ranges(ranges, 2 * pairs * size() / ranges, [&](Index begin, Index end) {
        transform_lines(direction, {plan_, task, pairs * begin / ranges, pairs * end / ranges,
                                    buffer.data() + begin * rows * kLanes});
    });
}

}  // namespace m4dl
