// Step-size adaptation by dual averaging (Nesterov 2009, in the form of Hoffman and Gelman, J. Mach.
// Learn. Res. 2014, sec. 3.2), each chain for itself: a chain's draws depend on no other chain.
#pragma once

#include <cmath>

#include "m4dl/base/block.hpp"

namespace m4dl {

struct DualAveraging {
    // gamma pulls towards the start, t0 damps the first steps; kappa = 3/4 forgets them.
    static constexpr double kGamma = 0.05, kT0 = 10.0;

    double target = 0.0, centre = 0.0, largest = 0.0;  // centre, largest: logarithms
    double count = 0.0;
    Lanes error = Lanes::Zero();  // running mean of target - acceptance
    Lanes log_step = Lanes::Zero(), log_average = Lanes::Zero();

    DualAveraging(double first, double largest_step, double target_acceptance)
        : target(target_acceptance),
          centre(Lanes::Constant(first).log()[0]),
          largest(Lanes::Constant(largest_step).log()[0]) {
        log_step.setConstant(centre);
        log_average.setConstant(centre);
    }

    // A step that does not tell of the step size counts as one that hit the target.
    void update(const Lanes& probability) {
        count += 1.0;
        const double w = 1.0 / (count + kT0);
        error = (1.0 - w) * error + w * (target - probability);
        log_step = (centre - (std::sqrt(count) / kGamma) * error).min(largest);
        // count^-kappa by square roots: the C library's pow may differ between processors.
        const double eta = 1.0 / (std::sqrt(count) * std::sqrt(std::sqrt(count)));
        log_average = eta * log_step + (1.0 - eta) * log_average;
    }
};

}  // namespace m4dl
