// The log-concave surrogate of a log-likelihood (Nickl, Wang, J. Eur. Math. Soc. 2024, sec. 3; Bohr,
// Nickl 2021): with theta_k = s_k xi_k, the distance r = |theta - theta_init| / eta and phi_0 =
// Phi(theta_init),
//
//     Phi~(xi) = phi_0 + a(r) (Phi(xi) - phi_0) + K eta^2 g(r).
//
// a is 1 up to r = 3/4 and 0 from 7/8 on; g is (r - 5/8)_+^2 mollified with radius 1/8, so 0 up to
// r = 1/2. Within that ball Phi~ is Phi, beyond 7/8 it is K eta^2 g, and K makes it convex between.
// S(p) = p^3 (10 - 15 p + 6 p^2) serves both: a = S(7 - 8 r) is twice continuously differentiable,
// and g'' = 2 S(4 r - 2), S being the distribution function of the mollifier 15/16 (1 - u^2)^2.
// The papers take phi_0 = 0; with it a factor a of a large constant is gone, and K may be smaller.
#pragma once

#include "m4dl/base/parallel.hpp"
#include "m4dl/base/require.hpp"

namespace m4dl {

class Surrogate {
public:
    // `centre`: theta_init as white noise; `scale`: s; K may be 0.
    Surrogate(Vector centre, Vector scale, double radius, double curvature)
        : centre_(std::move(centre)),
          scale_(std::move(scale)),
          radius_(radius),
          curvature_(curvature) {
        require(scale_.size() == centre_.size(), "scale must have ", centre_.size(),
                " entries, got ", scale_.size());
        require(radius_ > 0 && std::isfinite(radius_), "eta must be positive, got ", radius_);
        require(curvature_ >= 0 && std::isfinite(curvature_),
                "curvature must not be negative, got ", curvature_);
    }

    Index white() const { return centre_.size(); }
    const Vector& centre() const { return centre_; }

    struct Workspace {
        Block inside;   // where the model is asked
        Block shift;    // theta - theta_init
        Lanes offset;   // phi_0
        Lanes r, a, d;  // distance, a(r), and Phi - phi_0 where a > 0
    };
    Workspace workspace(const Lanes& offset) const {
        return {zeros(white()), zeros(white()), offset, {}, {}, {}};
    }

    // xi, or the centre in lanes where a is 0: the model is never asked outside of the ball.
    const Block& inside(const Block& xi, Workspace& w) const {
        for_rows(white(), [&](Index k) { w.shift.row(k) = scale_[k] * (xi.row(k) - centre_[k]); });
        const Lanes square =
            sum_rows(white(), [&](Index k) -> Lanes { return w.shift.row(k).square(); });
        w.r = square.sqrt() / radius_;
        const auto near = (w.r < kEnd).eval();
        for_rows(white(), [&](Index k) {
            w.inside.row(k) = near.select(xi.row(k), Lanes::Constant(centre_[k]));
        });
        return w.inside;
    }
    // Phi~ from Phi at `inside`; a distance that is NaN makes a NaN.
    Lanes value(const Lanes& phi, Workspace& w) const {
        w.a = smooth(ramp(7.0 - 8.0 * w.r));
        const Lanes kept = (w.a > 0.0).select(phi, w.offset);
        w.d = kept - w.offset;
        const Lanes p = ramp(4.0 * w.r - 2.0), t = w.r - kKink;
        const Lanes mollified = 0.125 * p.square().square() * p * (0.5 - 0.5 * p + p.square() / 7);
        const Lanes g = (p < 1.0).select(mollified, t.square() + 1.0 / 448);
        return w.a * kept + (1.0 - w.a) * w.offset + curvature_ * radius_ * radius_ * g;
    }
    // grad Phi in white noise becomes grad Phi~.
    void gradient(Block& gradient, const Workspace& w) const {
        const Lanes q = ramp(7.0 - 8.0 * w.r);
        const Lanes slope = -240.0 * q.square() * (1.0 - q).square();  // a'(r)
        const Lanes outwards =
            slope * w.d / (radius_ * radius_ * w.r) + curvature_ * slope_over_r(w.r);
        const Lanes factor = (w.r <= kStart).select(Lanes::Zero(), outwards);
        const auto counts = (w.a > 0.0).eval();
        for_rows(white(), [&](Index k) {
            const Lanes kept = counts.select(w.a * gradient.row(k), Lanes::Zero());
            gradient.row(k) = kept + factor * scale_[k] * w.shift.row(k);
        });
    }
    // Gauss-Newton of Phi, applied to dxi, becomes a times it plus the Hessian of K eta^2 g: positive
    // semidefinite, and exact but for the derivatives of a.
    void gauss_newton(const Block& dxi, Block& out, const Workspace& w) const {
        const auto flat = (w.r <= kStart).eval();
        const Lanes across = flat.select(Lanes::Zero(), curvature_ * slope_over_r(w.r));
        const Lanes along = 2.0 * curvature_ * smooth(ramp(4.0 * w.r - 2.0)) - across;
        const Lanes inner = sum_rows(
            white(), [&](Index k) -> Lanes { return scale_[k] * w.shift.row(k) * dxi.row(k); });
        const Lanes part =
            flat.select(Lanes::Zero(), along * inner / (radius_ * radius_ * w.r.square()));
        const auto counts = (w.a > 0.0).eval();
        for_rows(white(), [&](Index k) {
            const Lanes kept = counts.select(w.a * out.row(k), Lanes::Zero());
            out.row(k) =
                kept + scale_[k] * (across * scale_[k] * dxi.row(k) + part * w.shift.row(k));
        });
    }

private:
    static constexpr double kStart = 0.5, kKink = 0.625, kEnd = 0.875;

    // p cut off to [0, 1]; NaN stays.
    static Lanes ramp(const Lanes& p) {
        return (p <= 0.0).select(Lanes::Zero(), (p >= 1.0).select(Lanes::Ones(), p));
    }
    static Lanes smooth(const Lanes& p) { return p.cube() * (10.0 - 15.0 * p + 6.0 * p.square()); }
    // g'(r)/r.
    static Lanes slope_over_r(const Lanes& r) {
        const Lanes p = ramp(4.0 * r - 2.0);
        const Lanes mollified = 0.5 * p.square().square() * (2.5 - 3.0 * p + p.square());
        return (p < 1.0).select(mollified, 2.0 * (r - kKink)) / r;
    }

    Vector centre_, scale_;
    double radius_, curvature_;
};

}  // namespace m4dl
