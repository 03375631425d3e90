// Preconditioned conjugate gradients over lanes (Hestenes, Stiefel 1952). Each lane has its own
// coefficients; one that has converged is frozen, so it does not depend on the others.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "m4dl/base/block.hpp"

namespace m4dl {

struct CgWorkspace {
    Block solution, direction, image;
    Lanes iterations = Lanes::Zero();

    explicit CgWorkspace(Index size)
        : solution(zeros(size)), direction(zeros(size)), image(zeros(size)) {}
};

namespace cg {

// The vector work, in one pass each; compiled for the instruction set at hand, with sums that do
// not depend on the number of threads.
Lanes dot(const Block& a, const Block& b);
struct Products {
    Lanes rz, zz;
};
Products products(const Block& r, const FloatBlock& z);            // <r, z>, <z, z>
void direction(const FloatBlock& z, const Lanes* beta, Block& p);  // p := z + beta p, or z
// x += alpha p, or x := alpha p if fresh; r -= alpha w; |alpha p|^2 and |x|^2.
struct Step {
    Lanes step, solution;
};
Step step(const Lanes& alpha, const Block& p, const Block& w, bool fresh, Block& x, Block& r);

// Whether |x - exact| <= tolerance |x|, as far as the steps tell, whose sizes s_1, s_2, ... are close
// to the errors before them: what is left is about s (rate + rate^2 + ...). Rates vary from step
// to step, so the slower one of the last two counts, and none below kFastest. Slow convergence is
// irregular too: there the estimate is doubled.
struct Convergence {
    static constexpr double kFastest = 0.05, kFastestAtFirst = 0.1, kSlow = 0.2;
    double previous = std::numeric_limits<double>::infinity(), rate = 0.0;
    int steps = 0;

    bool reached(double step, double solution, double tolerance) {
        const double ratio = step / previous;
        const double slower = std::max({ratio, rate, steps < 2 ? kFastestAtFirst : kFastest});
        rate = ratio;
        previous = step;
        if (steps++ == 0) return false;
        const double left = slower / (1.0 - slower) * (slower < kSlow ? step : 2.0 * step);
        return slower < 1.0 && left <= tolerance * solution;
    }
};

}  // namespace cg

// What B, symmetric and close to A^{-1}, is; it decides when iterations end.
enum class Preconditioned {
    kByCycle,     // a multigrid cycle for A: convergence is fast and steady, and the steps tell
    kByReference  // made for another matrix: |B r|, which is close to the error, is a quarter of
                  // what is asked for, as it may understate it; it takes one more B
};

// w.solution := A^{-1} r, and r what is left. `apply(z, beta, p, w)`: p := z + beta p (z without a
// beta), w := A p, returns <p, w>. `precondition(r, first)`: B r in single precision; of a cycle the
// first one may be any guess at A^{-1} r, as conjugate directions begin after it. Returns NaN, and
// leaves anything, in the lanes that have not come so far after `max_iterations`; 0 in the others.
template <class Apply, class Precondition>
Lanes conjugate_gradients(Block& r, double tolerance, int max_iterations, Preconditioned by,
                          Apply&& apply, Precondition&& precondition, CgWorkspace& w) {
    Block& p = w.direction;
    w.iterations.setZero();
    Lanes active = Lanes::Ones(), failed = Lanes::Zero(), rz = Lanes::Zero(), xx = Lanes::Zero();
    std::array<cg::Convergence, kLanes> convergence;
    // Ends lanes that have converged or never will.
    auto end_lanes = [&](int iterations, auto&& converged) {
        for (Index lane = 0; lane < kLanes; ++lane) {
            if (active[lane] == 0.0) continue;
            if (converged(lane)) {
                active[lane] = 0.0;
            } else if (!(xx[lane] < std::numeric_limits<double>::infinity()) ||
                       iterations == max_iterations) {
                active[lane] = 0.0;
                failed[lane] = std::numeric_limits<double>::quiet_NaN();
            }
        }
        return (active == 0.0).all();
    };
    for (int iteration = 0;; ++iteration) {
        const FloatBlock& z = precondition(r, iteration == 0);
        const auto [next, zz] = cg::products(r, z);
        if (by == Preconditioned::kByReference && iteration > 0 &&
            end_lanes(iteration, [&](Index lane) {
                return std::sqrt(zz[lane]) <= 0.25 * tolerance * std::sqrt(xx[lane]);
            }))
            break;
        const bool restart = iteration == 0 || (by == Preconditioned::kByCycle && iteration == 1);
        // 0/0 where the right-hand side is 0.
        const Lanes beta = (rz != 0.0).select(next / rz, 0.0);
        rz = next;
        const Lanes pw = apply(z, restart ? nullptr : &beta, p, w.image);
        // A frozen lane stands still.
        const Lanes alpha = (active != 0.0 && rz != 0.0).select(rz / pw, 0.0);
        const cg::Step size = cg::step(alpha, p, w.image, iteration == 0, w.solution, r);
        xx = size.solution;
        w.iterations += active;
        if (by == Preconditioned::kByCycle && end_lanes(iteration + 1, [&](Index lane) {
                const double s = std::sqrt(size.step[lane]);
                return s == 0.0 || convergence[lane].reached(s, std::sqrt(xx[lane]), tolerance);
            }))
            break;
    }
    return failed;
}

}  // namespace m4dl
