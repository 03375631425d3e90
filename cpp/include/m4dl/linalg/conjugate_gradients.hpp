// Preconditioned conjugate gradients over lanes (Hestenes, Stiefel 1952). Each lane has its own
// coefficients; one that has converged is frozen, so it does not depend on the others.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "m4dl/base/block.hpp"

namespace m4dl {

// What the coefficients of the steps tell about the eigenvalues of B A: they are those of the Lanczos
// process for it, whose tridiagonal matrix is L D L' with D_k = 1/alpha_k and L_{k+1,k}^2 = beta_{k+1}
// (Golub, Van Loan, Matrix Computations, 4th ed., 11.3.5).
class Lanczos {
public:
    explicit Lanczos(int most_steps) { steps_.reserve(static_cast<std::size_t>(most_steps)); }

    void clear() { steps_.clear(); }
    void note(const Lanes& alpha, const Lanes& beta) { steps_.push_back({alpha, beta}); }

    // Whether a Ritz value of the lane lies below mu: a pivot of L D L' - mu I is not positive. The
    // differential form keeps small values to full accuracy (Dhillon, Parlett, Linear Algebra
    // Appl. 387, 2004).
    bool any_below(Index lane, double mu) const {
        double shift = -mu;
        for (std::size_t k = 0; k < steps_.size(); ++k) {
            const double d = 1.0 / steps_[k].alpha[lane], pivot = d + shift;
            if (!(pivot > 0.0)) return true;
            if (k + 1 < steps_.size()) shift = steps_[k + 1].beta[lane] * d * (shift / pivot) - mu;
        }
        return false;
    }

private:
    struct Step {
        Lanes alpha, beta;
    };
    std::vector<Step> steps_;
};

struct CgWorkspace {
    Block solution, direction, image;
    Lanes iterations = Lanes::Zero();  // added up over calls
    Lanczos lanczos;

    CgWorkspace(Index size, int most_steps)
        : solution(zeros(size)), direction(zeros(size)), image(zeros(size)), lanczos(most_steps) {}
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

// |B r|, <r, B r>, the length of the last step and that of the solution.
struct CgProgress {
    double left, energy, step, solution;
};

// B is a multigrid cycle for A: convergence is fast and steady, and the steps tell. The first B r may
// be any guess at A^{-1} r, as conjugate directions begin after it.
class StopByCycle {
public:
    static constexpr bool kAfterStep = true;
    explicit StopByCycle(double tolerance) : tolerance_(tolerance) {}

    bool reached(Index lane, const CgProgress& now, const Lanczos&) {
        return now.step == 0.0 || lanes_[lane].reached(now.step, now.solution, tolerance_);
    }

private:
    double tolerance_;
    std::array<cg::Convergence, kLanes> lanes_;
};

// B = unit C, C made for another matrix: the error is (C A)^{-1} C r, at most |C r| over the
// smallest eigenvalue of C A. That one is known by the time the solution has its component: the error
// is small enough if no Ritz value lies below 2 |B r| / (tolerance |x|). Where B is good, |C r| is
// close to the error, and a quarter of what is asked for.
class StopByReference {
public:
    static constexpr bool kAfterStep = false;
    StopByReference(double tolerance, double unit) : tolerance_(tolerance), unit_(unit) {}

    bool reached(Index lane, const CgProgress& now, const Lanczos& lanczos) const {
        const double enough = tolerance_ * now.solution;
        if (!(now.left <= 0.25 * unit_ * enough)) return false;
        return now.left == 0.0 || !lanczos.any_below(lane, 2.0 * now.left / enough);
    }

private:
    double tolerance_, unit_;
};

enum class CgEnd {
    kReached,
    kStalled,    // too many iterations, or B is not positive on what is left
    kIndefinite  // A has a direction of no positive curvature, or numbers overflow
};

// w.solution += A^{-1} r (or := if `fresh`), and r what is left, in the lanes that are `active`;
// the others stand still if their r is 0. `apply(z, beta, p, w)`: p := z + beta p (z without a beta),
// w := A p, returns <p, w>. `precondition(r, first)`: B r in single precision.
template <class Stop, class Apply, class Precondition>
std::array<CgEnd, kLanes> conjugate_gradients(Block& r, Lanes active, bool fresh, Stop stop,
                                              int most_steps, Apply&& apply,
                                              Precondition&& precondition, CgWorkspace& w) {
    Block& p = w.direction;
    w.lanczos.clear();
    std::array<CgEnd, kLanes> end;
    end.fill(CgEnd::kReached);
    Lanes rz = Lanes::Zero(), xx = Lanes::Zero();
    auto stand_still = [&](Index lane, CgEnd why) {
        active[lane] = 0.0;
        end[lane] = why;
    };
    for (int iteration = 0;; ++iteration) {
        const bool last = iteration == most_steps;
        const FloatBlock& z = precondition(r, iteration == 0);
        const auto [next, zz] = cg::products(r, z);
        auto progress = [&](Index lane, double step) {
            return CgProgress{std::sqrt(zz[lane]), next[lane], std::sqrt(step),
                              std::sqrt(xx[lane])};
        };
        for (Index lane = 0; lane < kLanes; ++lane) {
            if (active[lane] == 0.0) continue;
            if (!Stop::kAfterStep && iteration > 0 &&
                stop.reached(lane, progress(lane, 0.0), w.lanczos))
                stand_still(lane, CgEnd::kReached);
            else if (last || (!Stop::kAfterStep && next[lane] <= 0.0 && zz[lane] > 0.0))
                stand_still(lane, CgEnd::kStalled);
        }
        if ((active == 0.0).all()) break;
        const bool restart = iteration == 0 || (Stop::kAfterStep && iteration == 1);
        // 0/0 where the right-hand side is 0.
        const Lanes beta = (rz != 0.0).select(next / rz, 0.0);
        rz = next;
        const Lanes pw = apply(z, restart ? nullptr : &beta, p, w.image);
        for (Index lane = 0; lane < kLanes; ++lane)
            if (active[lane] != 0.0 && rz[lane] != 0.0 && !(pw[lane] > 0.0))
                stand_still(lane, CgEnd::kIndefinite);
        // A lane that has ended stands still.
        const Lanes alpha = (active != 0.0 && rz != 0.0).select(rz / pw, 0.0);
        const cg::Step size = cg::step(alpha, p, w.image, fresh && iteration == 0, w.solution, r);
        xx = size.solution;
        w.iterations += active;
        if (!Stop::kAfterStep) w.lanczos.note(alpha, beta);
        for (Index lane = 0; lane < kLanes; ++lane) {
            if (active[lane] == 0.0) continue;
            if (!(xx[lane] < std::numeric_limits<double>::infinity()))
                stand_still(lane, CgEnd::kIndefinite);
            else if (Stop::kAfterStep &&
                     stop.reached(lane, progress(lane, size.step[lane]), w.lanczos))
                stand_still(lane, CgEnd::kReached);
        }
        if ((active == 0.0).all()) break;
    }
    return end;
}

}  // namespace m4dl
