// c = link(theta): how an unconstrained field becomes a coefficient.
#pragma once

#include "m4dl/base/block.hpp"

namespace m4dl {

// out := exp(x), compiled for the instruction set at hand.
void exponential(const Block& x, Block& out);

// identity: c = theta;  exp: c = floor + exp(theta);  softplus: c = floor + log(1 + exp(theta)).
struct Link {
    enum class Kind { kIdentity, kExp, kSoftplus };
    Kind kind = Kind::kExp;
    double floor = 0.0;

    // Writes c and its derivative dc/dtheta.
    void apply(const Block& theta, Block& c, Block& derivative) const {
        switch (kind) {
            case Kind::kIdentity:
                c = theta;
                derivative.setOnes();
                break;
            case Kind::kExp:
                exponential(theta, derivative);
                c = derivative + floor;
                break;
            case Kind::kSoftplus:
                // log(1 + e^t) = max(t, 0) + log1p(e^{-|t|}) does not overflow.
                derivative = (-theta.abs()).exp();
                c = theta.max(0.0) + derivative.log1p() + floor;
                derivative = (theta >= 0.0)
                                 .select(1.0 / (1.0 + derivative), derivative / (1.0 + derivative));
                break;
        }
    }
};

}  // namespace m4dl
