// Elliptic problems as affine operators: A(c) u = b(c), c = S link(theta), observed at points.
//
//     values of A (lower triangle) = a0 + T c        b_r = load_r + B_r c        y_r = O u_r + o_r
//
// S takes means (of a nodal field over cells, say) or is absent. The derivative needs one more solve:
//     d Phi / d c_k = sum_r lambda_r' (B_{r,k} - A_k u_r),   A lambda_r = O' w_r.
#pragma once

#include "m4dl/model/concept.hpp"
#include "m4dl/solve/affine_system.hpp"
#include "m4dl/solve/link.hpp"

namespace m4dl {

class AffineElliptic {
public:
    struct Workspace {
        std::unique_ptr<EllipticSolver::Work> solver;
        Block link, derivative;    // link(theta), if it is not its own derivative, and that
        Block coefficient;         // c, where it is not link(theta) itself
        std::vector<Block> state;  // u_r
        Block adjoint;
        Block dcoefficient, dlink;  // tangents (of c also cotangents) of c and link(theta)
    };

    AffineElliptic(AffineSystem system, Link link, const SolverOptions& options = {});

    Index parameters() const { return mean_ ? mean_->columns() : operator_->parameters(); }
    Index outputs() const { return points() * right_hand_sides(); }
    Index unknowns() const { return operator_->size(); }
    const EllipticSolver& solver() const { return *solver_; }

    // The solver's, at one state.
    SharedReferenceState reference(const Vector& theta) const {
        return solver_->reference(coefficient(theta));
    }

    Workspace workspace(Chains) const;
    void forward(const Block& theta, Block& y, Workspace& w) const;
    void pull(const Block& dy, Block& dtheta, Workspace& w) const;
    void push(const Block& dtheta, Block& dy, Workspace& w) const;

private:
    Index points() const { return observe_.rows(); }
    const Block& linked(const Workspace& w) const {
        return link_.own_derivative() ? w.derivative : w.link;
    }
    Definite definite(bool semidefinite) const;
    Vector coefficient(const Vector& theta) const;                // c
    std::vector<Vector> solution_at_zero() const;                 // u_r where theta = 0
    void fill_load(const Block& c, std::vector<Block>& b) const;  // b_r(c)
    Index right_hand_sides() const { return static_cast<Index>(load_.size()); }

    SharedOperator operator_;
    std::optional<SparseRows> mean_;
    SparseRows mean_transposed_;
    std::vector<Vector> load_;
    std::vector<SparseRows> load_terms_;
    SparseRows observe_;
    std::vector<Vector> offset_;
    Link link_;
    std::shared_ptr<const EllipticSolver> solver_;
    std::vector<Vector> guess_;  // where solutions start from, if the solver wants to know
};

static_assert(ForwardModel<AffineElliptic> && HasPull<AffineElliptic> && HasPush<AffineElliptic>);

}  // namespace m4dl
