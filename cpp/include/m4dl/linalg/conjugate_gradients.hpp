// Preconditioned conjugate gradients over lanes (Hestenes, Stiefel 1952). Each lane has its own
// coefficients; one that has converged is frozen, so it does not depend on the others.
#pragma once

#include "m4dl/base/block.hpp"

namespace m4dl {

struct CgWorkspace {
    Block solution, direction, image;
    Lanes iterations = Lanes::Zero();

    explicit CgWorkspace(Index size)
        : solution(Block::Zero(size, kLanes)), direction(solution), image(solution) {}
};

namespace cg {

// The vector work, in one pass each; compiled for the instruction set at hand, with sums that do
// not depend on the number of threads.
Lanes dot(const Block& a, const Block& b);
struct Products {
    Lanes rz, zz;
};
Products products(const Block& r, const FloatBlock& z);            // <r, z>, <z, z>
void direction(const FloatBlock& z, const Lanes& beta, Block& p);  // p := z + beta p
// x += alpha p, r -= alpha w; returns <x, x>.
Lanes step(const Lanes& alpha, const Block& p, const Block& w, Block& x, Block& r);

}  // namespace cg

// x := A^{-1} x. `apply(p, w)`: w = A p; `precondition(r)`: B r in single precision, B symmetric and
// close to A^{-1}, so |z| is close to the error: iterations end when |z| is well below
// tolerance |x|. NaN in the lanes
// that have not come so far after `max_iterations`.
template <class Apply, class Precondition>
void conjugate_gradients(Block& x, double tolerance, int max_iterations, Apply&& apply,
                         Precondition&& precondition, CgWorkspace& w) {
    Block &r = x, &p = w.direction;
    w.solution.setZero();
    w.iterations.setZero();
    // |B r| may understate the error where B is far from A^{-1}; another iteration costs little.
    constexpr double kSafety = 0.25;
    const double enough = kSafety * kSafety * tolerance * tolerance;
    Lanes active = Lanes::Ones(), failed = Lanes::Zero(), beta = Lanes::Zero();
    const FloatBlock* z = &precondition(r);
    Lanes rz = cg::products(r, *z).rz;
    p.setZero();
    for (int iteration = 0;; ++iteration) {
        cg::direction(*z, beta, p);
        apply(p, w.image);
        // 0/0 where the right-hand side is 0; a frozen lane stands still.
        const Lanes pw = cg::dot(p, w.image);
        const Lanes alpha = (active != 0.0 && rz != 0.0).select(rz / pw, 0.0);
        const Lanes xx = cg::step(alpha, p, w.image, w.solution, r);
        z = &precondition(r);
        const auto [next, zz] = cg::products(r, *z);
        beta = (rz != 0.0).select(next / rz, 0.0);
        rz = next;
        w.iterations += active;
        for (Index lane = 0; lane < kLanes; ++lane) {
            if (active[lane] == 0.0) continue;
            if (zz[lane] <= enough * xx[lane]) {
                active[lane] = 0.0;
            } else if (!(xx[lane] < std::numeric_limits<double>::infinity()) ||
                       iteration + 1 == max_iterations) {
                active[lane] = 0.0;
                failed[lane] = std::numeric_limits<double>::quiet_NaN();
            }
        }
        if ((active == 0.0).all()) break;
    }
    for (Index k = 0; k < x.rows(); ++k) x.row(k) = w.solution.row(k) + failed;
}

}  // namespace m4dl
