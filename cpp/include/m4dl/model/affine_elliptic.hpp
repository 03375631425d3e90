// Elliptic problems as affine operators: A(c) u = b(c), c = link(theta), observed at points.
//
//     values of A (lower triangle) = a0 + T c        b_r = load_r + B_r c        y_r = O u_r + o_r
//
// Assembly is one sparse product, its derivative the transpose:
//     d Phi / d c_k = sum_r lambda_r' (B_{r,k} - A_k u_r),   A lambda_r = O' w_r.
#pragma once

#include <memory>
#include <vector>

#include "m4dl/linalg/cholesky.hpp"
#include "m4dl/linalg/sparse_rows.hpp"
#include "m4dl/model/concept.hpp"
#include "m4dl/model/link.hpp"

namespace m4dl {

struct AffineSystem {
    LowerPattern pattern;
    Vector a0;                           // (nonzeros)
    SparseRows terms;                    // T: (nonzeros, parameters)
    std::vector<Vector> load;            // one (unknowns) per right-hand side
    std::vector<SparseRows> load_terms;  // B_r: (unknowns, parameters), or none
    SparseRows observe;                  // O: (points, unknowns)
    std::vector<Vector> offset;          // o_r: (points) per right-hand side: boundary values
    Matrix coordinates;                  // (unknowns, d) for the ordering, or empty
};

class AffineElliptic {
public:
    struct Workspace {
        Cholesky<kLanes> factor;
        Block coefficient, derivative;  // c and dc/dtheta
        Block values;                   // of A
        std::vector<Block> state;       // u_r
        std::vector<double*> rhs;       // where the u_r are
        Block adjoint, scratch, dcoefficient;
    };

    AffineElliptic(AffineSystem system, Link link);

    Index parameters() const { return system_.terms.columns(); }
    Index outputs() const { return points() * right_hand_sides(); }
    Index unknowns() const { return system_.pattern.size; }

    Workspace workspace(Chains) const;
    void forward(const Block& theta, Block& y, Workspace& w) const;
    void pull(const Block& dy, Block& dtheta, Workspace& w) const;
    void push(const Block& dtheta, Block& dy, Workspace& w) const;

private:
    Index points() const { return system_.observe.rows(); }
    Index right_hand_sides() const { return static_cast<Index>(system_.load.size()); }

    AffineSystem system_;
    Link link_;
    struct Position {
        Index entry, row, column;
    };
    std::vector<Position> varying_;  // the entries of A that depend on c
    std::shared_ptr<const Symbolic> symbolic_;
};

static_assert(ForwardModel<AffineElliptic> && HasPull<AffineElliptic> && HasPush<AffineElliptic>);

}  // namespace m4dl
