#include "m4dl/model/affine_elliptic.hpp"

namespace m4dl {

AffineElliptic::AffineElliptic(AffineSystem system, Link link)
    : system_(std::move(system)), link_(link) {
    const Index n = system_.pattern.size, entries = system_.pattern.nonzeros();
    require(n > 0, "an elliptic model needs at least one unknown");
    require(system_.a0.size() == entries && system_.terms.rows() == entries,
            "a0 and the terms must have one row for each of the ", entries, " matrix entries");
    require(!system_.load.empty(), "an elliptic model needs at least one right-hand side");
    require(system_.offset.size() == system_.load.size(), "one offset per right-hand side");
    require(system_.load_terms.empty() || system_.load_terms.size() == system_.load.size(),
            "load terms for all right-hand sides or for none");
    require(system_.observe.columns() == n, "observe must have ", n, " columns, got ",
            system_.observe.columns());
    for (Index j = 0; j < n; ++j)
        for (Index e = system_.pattern.column_start[j]; e < system_.pattern.column_start[j + 1];
             ++e)
            if (!system_.terms.empty_row(e)) varying_.push_back({e, system_.pattern.row[e], j});
    symbolic_ = std::make_shared<Symbolic>(analyse(system_.pattern, system_.coordinates));
}

AffineElliptic::Workspace AffineElliptic::workspace(Chains) const {
    const Index n = unknowns(), d = parameters();
    const Block field = Block::Zero(n, kLanes), parameter = Block::Zero(d, kLanes);
    return {.factor = Cholesky<kLanes>(symbolic_),
            .coefficient = parameter,
            .derivative = parameter,
            .values = system_.a0.array().replicate(1, kLanes),
            .state = std::vector<Block>(system_.load.size(), field),
            .rhs = std::vector<double*>(system_.load.size()),
            .adjoint = field,
            .scratch = field,
            .dcoefficient = parameter};
}

void AffineElliptic::forward(const Block& theta, Block& y, Workspace& w) const {
    link_.apply(theta, w.coefficient, w.derivative);
    for (const auto& [e, i, j] : varying_)
        w.values.row(e) = system_.terms.row_times(e, w.coefficient) + system_.a0[e];
    for (Index r = 0; r < right_hand_sides(); ++r) {
        Block& u = w.state[r];
        if (system_.load_terms.empty())
            u.setZero();
        else
            system_.load_terms[r].times(w.coefficient, u);
        u.colwise() += system_.load[r].array();
        w.factor.to_elimination_order(u, w.scratch);
        w.rhs[r] = u.data();
    }
    w.factor.factor(w.values.data(), w.rhs);
    for (Index r = 0; r < right_hand_sides(); ++r) {
        Block& u = w.state[r];
        w.factor.half_solve(u, w.scratch);
        for (Index p = 0; p < points(); ++p)
            y.row(r * points() + p) = system_.observe.row_times(p, u) + system_.offset[r][p];
    }
}

void AffineElliptic::pull(const Block& dy, Block& dtheta, Workspace& w) const {
    w.dcoefficient.setZero();
    for (Index r = 0; r < right_hand_sides(); ++r) {
        Block& lambda = w.adjoint;
        lambda.setZero();
        for (Index p = 0; p < points(); ++p)
            system_.observe.add_row_transposed(p, dy.row(r * points() + p), lambda);
        w.factor.solve(lambda, w.scratch);
        if (!system_.load_terms.empty())
            system_.load_terms[r].add_transposed_times(lambda, w.dcoefficient);
        const Block& u = w.state[r];
        for (const auto& [e, i, j] : varying_) {
            Lanes product = lambda.row(i) * u.row(j);
            if (i != j) product += lambda.row(j) * u.row(i);
            system_.terms.add_row_transposed(e, -product, w.dcoefficient);
        }
    }
    dtheta = w.dcoefficient * w.derivative;
}

void AffineElliptic::push(const Block& dtheta, Block& dy, Workspace& w) const {
    w.dcoefficient = dtheta * w.derivative;
    for (Index r = 0; r < right_hand_sides(); ++r) {
        Block& du = w.adjoint;
        if (system_.load_terms.empty())
            du.setZero();
        else
            system_.load_terms[r].times(w.dcoefficient, du);
        const Block& u = w.state[r];
        for (const auto& [e, i, j] : varying_) {
            const Lanes da = system_.terms.row_times(e, w.dcoefficient);
            du.row(i) -= da * u.row(j);
            if (i != j) du.row(j) -= da * u.row(i);
        }
        w.factor.solve(du, w.scratch);
        for (Index p = 0; p < points(); ++p)
            dy.row(r * points() + p) = system_.observe.row_times(p, du);
    }
}

}  // namespace m4dl
