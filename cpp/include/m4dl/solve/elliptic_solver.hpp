// Strategies for A(c) u = b over lanes, behind one interface.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "m4dl/fem/grid.hpp"
#include "m4dl/linalg/coarsening.hpp"
#include "m4dl/solve/affine_operator.hpp"
#include "m4dl/solve/reference_state.hpp"

namespace m4dl {

// What a solver may know beside the matrix: that it is a discretisation of a box.
struct BoxProblem {
    enum class Kind {
        kPotential,  // -1/2 Lap u + f u by differences: f at the nodes inside is taken from c
        kDiffusion   // -div(k grad u) by Q1 elements: k of a cell is its entry of c
    };
    Kind kind;
    std::vector<Axis> axes;
    std::vector<Index> line_start;  // kPotential, per line inside: the row of c for its first node
};

inline std::vector<Axis> axes(const Grid& grid) {
    std::vector<Axis> out;
    for (Index a = 0; a < grid.dim(); ++a) {
        Axis& x = out.emplace_back();
        for (Index k = 0; k <= grid.cells[a]; ++k)
            x.nodes.push_back(grid.low[a] + grid.spacing(a) * static_cast<double>(k));
    }
    return out;
}

struct SolverOptions {
    enum class Kind { kAutomatic, kDirect, kFrozen, kAggregation, kMultigrid };
    Kind kind = Kind::kAutomatic;
    double tolerance = 1e-8;  // relative error of the solution, in the Euclidean norm
};

// What is known of A(c) before it is looked at.
enum class Definite {
    kAlways,         // positive definite
    kWherePositive,  // positive definite where all of c is positive
    kUnknown
};
// 1 in the lanes where A(c) may fail to be positive definite, 0 in the others.
Lanes doubtful(Definite definite, const Block& c);

class EllipticSolver {
public:
    // A solver at work on one block of chains.
    struct Work {
        virtual ~Work() = default;
        // A := A(c), and each right-hand side becomes its solution. NaN in lanes that fail. c stays
        // where it is until the next call. `guess`: for each right-hand side a solution at some
        // coefficient to start from, or none at all.
        virtual void solve(const Block& c, std::span<Block> rhs, std::span<const Vector> guess) = 0;
        // One more right-hand side for the same A.
        virtual void solve(Block& rhs) = 0;
        // Of the last solve; 0 for a direct solver.
        virtual Lanes iterations() const { return Lanes::Zero(); }
        // From now on solves with what was prepared by `reference`.
        virtual void refer(SharedReferenceState) {}
    };

    virtual ~EllipticSolver() = default;
    virtual std::unique_ptr<Work> work() const = 0;
    virtual std::string name() const = 0;
    // Whether a guess is of use.
    virtual bool wants_guess() const { return false; }
    // Whether one solve is large enough for several threads.
    virtual bool threaded() const { return false; }
    // What all chains share, prepared at the coefficient c; null where the solver shares nothing or
    // A(c) is not positive definite.
    virtual SharedReferenceState reference(const Vector&) const { return nullptr; }
};

using SharedOperator = std::shared_ptr<const AffineOperator>;

// Cholesky factorisation of each chain's matrix.
std::shared_ptr<const EllipticSolver> direct_solver(SharedOperator a, const Matrix& coordinates);

// Conjugate gradients preconditioned by the single-precision Cholesky factor of A(c) at a reference
// coefficient, shared by all chains. Null where A is not positive definite there.
std::shared_ptr<const EllipticSolver> frozen_solver(SharedOperator a, const Matrix& coordinates,
                                                    const Vector& reference, Definite definite,
                                                    double tolerance);

// The same with a cycle of algebraic multigrid in place of the factor.
std::shared_ptr<const EllipticSolver> aggregation_solver(SharedOperator a, const Vector& reference,
                                                         Definite definite, double tolerance);

// Geometric multigrid on a box in two or three dimensions.
std::shared_ptr<const EllipticSolver> multigrid_solver(const BoxProblem& box, double tolerance);

// `careful` in the lanes that are doubtful, `fast`, which does not see whether A(c) is definite, in
// the others.
std::shared_ptr<const EllipticSolver> guarded_solver(std::shared_ptr<const EllipticSolver> fast,
                                                     std::shared_ptr<const EllipticSolver> careful,
                                                     Definite definite);

// The strategy asked for, or by the rule of docs/solvers.md.
std::shared_ptr<const EllipticSolver> make_solver(SharedOperator a, const Matrix& coordinates,
                                                  const std::optional<BoxProblem>& box,
                                                  const SolverOptions& options,
                                                  const Vector& reference, Definite definite);

}  // namespace m4dl
