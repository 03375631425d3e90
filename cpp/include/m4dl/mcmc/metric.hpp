// The metric of a kernel: the covariance C of its proposal's noise, in white space.
#pragma once

#include "m4dl/base/parallel.hpp"

namespace m4dl {

// C = diag(variance), or the identity when empty.
struct Metric {
    Vector variance, root;

    Metric() = default;
    explicit Metric(Vector v) : variance(std::move(v)), root(variance.cwiseSqrt()) {}

    bool identity() const { return variance.size() == 0; }
    double multiply(Index k) const { return identity() ? 1.0 : variance[k]; }
    double square_root(Index k) const { return identity() ? 1.0 : root[k]; }

    // 1/2 xi' (I - C^{-1}) xi: what remains of the prior when N(0, C) takes its place as reference.
    Lanes excess(const Block& xi) const {
        if (identity()) return Lanes::Zero();
        return 0.5 * sum_rows(xi.rows(), [&](Index k) -> Lanes {
                   return (1.0 - 1.0 / variance[k]) * xi.row(k).square();
               });
    }
};

}  // namespace m4dl
