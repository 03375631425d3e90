#include "m4dl/linalg/single_range.hpp"

#include <cmath>

namespace m4dl {
namespace {

Lanes largest(const Block& x) {
    constexpr Index kPieces = 64;
    const Index piece = (x.rows() + kPieces - 1) / kPieces;
    Eigen::Array<double, kPieces, kLanes, Eigen::RowMajor> most;
    most.setZero();
    for_ranges(kPieces, piece, [&](Index begin, Index end) {
        for (Index p = begin; p < end; ++p)
            for (Index k = p * piece; k < std::min(x.rows(), (p + 1) * piece); ++k)
                most.row(p) = most.row(p).max(x.row(k).abs());
    });
    return most.colwise().maxCoeff();
}

void multiply(Block& x, const Lanes& factor) {
    for_rows(x.rows(), [&](Index k) { x.row(k) *= factor; });
}

}  // namespace

SingleRange::SingleRange(Block& x) {
    const Lanes most = largest(x);
    for (Index lane = 0; lane < kLanes; ++lane) {
        if (!(most[lane] > 0.0) || !std::isfinite(most[lane])) continue;
        const int exponent = std::ilogb(most[lane]);
        if (std::abs(exponent) > 40) factor_[lane] = std::ldexp(1.0, -std::max(exponent, -1000));
    }
    if ((factor_ != 1.0).any()) multiply(x, factor_);
}

void SingleRange::undo(Block& x) const {
    if ((factor_ != 1.0).any()) multiply(x, 1.0 / factor_);
}

}  // namespace m4dl
