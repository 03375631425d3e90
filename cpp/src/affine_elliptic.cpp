#include "m4dl/model/affine_elliptic.hpp"

namespace m4dl {

AffineElliptic::AffineElliptic(AffineSystem system, Link link, const SolverOptions& options)
    : operator_(std::make_shared<AffineOperator>(std::move(system.pattern), std::move(system.a0),
                                                 std::move(system.terms))),
      mean_(std::move(system.mean)),
      load_(std::move(system.load)),
      load_terms_(std::move(system.load_terms)),
      observe_(std::move(system.observe)),
      offset_(std::move(system.offset)),
      link_(link) {
    if (mean_) mean_transposed_ = mean_->transposed();
    const Index n = unknowns();
    require(n > 0, "an elliptic model needs at least one unknown");
    require(!load_.empty(), "an elliptic model needs at least one right-hand side");
    require(offset_.size() == load_.size(), "one offset per right-hand side");
    require(load_terms_.empty() || load_terms_.size() == load_.size(),
            "load terms for all right-hand sides or for none");
    for (std::size_t r = 0; r < load_.size(); ++r)
        require(load_[r].size() == n && offset_[r].size() == points(),
                "a right-hand side must have ", n, " loads and ", points(), " offsets, got ",
                load_[r].size(), " and ", offset_[r].size());
    require(observe_.columns() == n, "observe must have ", n, " columns, got ", observe_.columns());
    require(!mean_ || mean_->rows() == operator_->parameters(), "the mean must give ",
            operator_->parameters(), " coefficients");
    solver_ = make_solver(operator_, system.coordinates, system.box, options,
                          coefficient(Vector::Zero(parameters())), definite(system.semidefinite));
    if (solver_->wants_guess()) guess_ = solution_at_zero();
}

// A link with values above its floor keeps c positive.
Definite AffineElliptic::definite(bool semidefinite) const {
    if (!semidefinite) return Definite::kUnknown;
    const bool positive = link_.kind != Link::Kind::kIdentity && link_.floor >= 0.0;
    return positive ? Definite::kAlways : Definite::kWherePositive;
}

Vector AffineElliptic::coefficient(const Vector& theta) const {
    const Block field = theta.array().replicate(1, kLanes);
    Block link(field), derivative(field), c = Block::Zero(operator_->parameters(), kLanes);
    link_.apply(field, link, derivative);
    const Block& f = link_.own_derivative() ? derivative : link;
    if (mean_)
        mean_->times(f, c);
    else
        c = f;
    return c.col(0).matrix();
}

std::vector<Vector> AffineElliptic::solution_at_zero() const {
    const Block c = coefficient(Vector::Zero(parameters())).array().replicate(1, kLanes);
    std::vector<Block> u(load_.size(), Block::Zero(unknowns(), kLanes));
    fill_load(c, u);
    solver_->work()->solve(c, u, {});
    std::vector<Vector> out;
    for (const Block& x : u) out.push_back(x.col(0).matrix());
    return out;
}

// b_r(c).
void AffineElliptic::fill_load(const Block& c, std::vector<Block>& b) const {
    for (Index r = 0; r < right_hand_sides(); ++r) {
        if (load_terms_.empty()) {
            for_rows(b[r].rows(), [&](Index k) { b[r].row(k).setConstant(load_[r][k]); });
        } else {
            load_terms_[r].times(c, b[r]);
            for_rows(b[r].rows(), [&](Index k) { b[r].row(k) += load_[r][k]; });
        }
    }
}

AffineElliptic::Workspace AffineElliptic::workspace(Chains) const {
    const Index n = parameters(), coefficients = mean_ ? operator_->parameters() : 0;
    Workspace w{.solver = solver_->work(),
                .link = link_.own_derivative() ? Block() : zeros(n),
                .derivative = zeros(n),
                .coefficient = zeros(coefficients),
                .state = {},
                .adjoint = zeros(unknowns()),
                .dcoefficient = zeros(coefficients),
                .dlink = zeros(n)};
    for (Index r = 0; r < right_hand_sides(); ++r) w.state.push_back(zeros(unknowns()));
    return w;
}

void AffineElliptic::forward(const Block& theta, Block& y, Workspace& w) const {
    link_.apply(theta, w.link, w.derivative);
    if (mean_) mean_->times(linked(w), w.coefficient);
    const Block& c = mean_ ? w.coefficient : linked(w);
    fill_load(c, w.state);
    w.solver->solve(c, w.state, guess_);
    for (Index r = 0; r < right_hand_sides(); ++r)
        for (Index p = 0; p < points(); ++p)
            y.row(r * points() + p) = observe_.row_times(p, w.state[r]) + offset_[r][p];
}

void AffineElliptic::pull(const Block& dy, Block& dtheta, Workspace& w) const {
    Block& dc = mean_ ? w.dcoefficient : dtheta;
    if (!load_terms_.empty()) for_rows(dc.rows(), [&](Index k) { dc.row(k).setZero(); });
    for (Index r = 0; r < right_hand_sides(); ++r) {
        Block& lambda = w.adjoint;
        for_rows(lambda.rows(), [&](Index k) { lambda.row(k).setZero(); });
        for (Index p = 0; p < points(); ++p)
            observe_.add_row_transposed(p, dy.row(r * points() + p), lambda);
        w.solver->solve(lambda);
        if (!load_terms_.empty()) load_terms_[r].add_transposed_times(lambda, dc);
        // The last one brings the link's derivative along.
        const bool add = r > 0 || !load_terms_.empty(), last = r + 1 == right_hand_sides();
        operator_->pull(lambda, w.state[r], dc, add, last && !mean_ ? &w.derivative : nullptr);
    }
    if (mean_)
        for_rows(dtheta.rows(), [&](Index k) {
            dtheta.row(k) = mean_transposed_.row_times(k, dc) * w.derivative.row(k);
        });
}

void AffineElliptic::push(const Block& dtheta, Block& dy, Workspace& w) const {
    w.dlink = dtheta * w.derivative;
    if (mean_) mean_->times(w.dlink, w.dcoefficient);
    const Block& dc = mean_ ? w.dcoefficient : w.dlink;
    for (Index r = 0; r < right_hand_sides(); ++r) {
        Block& du = w.adjoint;
        if (load_terms_.empty())
            du.setZero();
        else
            load_terms_[r].times(dc, du);
        operator_->push(dc, w.state[r], du);
        w.solver->solve(du);
        for (Index p = 0; p < points(); ++p) dy.row(r * points() + p) = observe_.row_times(p, du);
    }
}

}  // namespace m4dl
