// c = link(theta): how an unconstrained field becomes a coefficient.
#pragma once

#include "m4dl/base/parallel.hpp"

namespace m4dl {

// out := exp(x), compiled for the instruction set at hand.
void exponential(const Block& x, Block& out);

// identity: c = theta;  exp: c = floor + exp(theta);  softplus: c = floor + log(1 + exp(theta)).
struct Link {
    enum class Kind { kIdentity, kExp, kSoftplus };
    Kind kind = Kind::kExp;
    double floor = 0.0;

    // Whether c is its own derivative, so that one field holds both.
    bool own_derivative() const { return kind == Kind::kExp && floor == 0.0; }

    // Writes c, unless it is its own derivative, and dc/dtheta.
    void apply(const Block& theta, Block& c, Block& derivative) const {
        switch (kind) {
            case Kind::kIdentity:
                for_rows(theta.rows(), [&](Index k) {
                    c.row(k) = theta.row(k);
                    derivative.row(k).setOnes();
                });
                break;
            case Kind::kExp:
                exponential(theta, derivative);
                if (!own_derivative())
                    for_rows(theta.rows(), [&](Index k) { c.row(k) = derivative.row(k) + floor; });
                break;
            case Kind::kSoftplus:
                // log(1 + e^t) = max(t, 0) + log1p(e^{-|t|}) does not overflow.
                for_ranges(theta.rows(), 1, [&](Index begin, Index end) {
                    const auto t = theta.middleRows(begin, end - begin);
                    auto d = derivative.middleRows(begin, end - begin);
                    d = (-t.abs()).exp();
                    c.middleRows(begin, end - begin) = t.max(0.0) + d.log1p() + floor;
                    d = (t >= 0.0).select(1.0 / (1.0 + d), d / (1.0 + d));
                });
                break;
        }
    }
};

}  // namespace m4dl
