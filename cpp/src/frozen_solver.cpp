#include "m4dl/model/elliptic_solver.hpp"

#include "m4dl/base/parallel.hpp"
#include "m4dl/base/simd.hpp"
#include "m4dl/linalg/cholesky.hpp"
#include "m4dl/linalg/conjugate_gradients.hpp"

namespace m4dl {
namespace {

using simd::load, simd::Real, simd::store;

constexpr int kMostIterations = 400;

// All entries of a symmetric matrix by rows, as needed for w = A p without scattering: where an
// entry varies it is read from the values of the lower triangle, else it is one constant.
struct SymmetricRows {
    struct Entry {
        Index column, varying;  // -1: constant
        double constant;
    };
    std::vector<Index> start;
    std::vector<Entry> entries;

    explicit SymmetricRows(const AffineOperator& a) {
        const LowerPattern& p = a.pattern();
        std::vector<bool> varies(static_cast<std::size_t>(p.nonzeros()));
        for (const auto& v : a.varying()) varies[v.entry] = true;
        start.assign(p.size + 1, 0);
        auto for_entries = [&](auto&& visit) {
            for (Index j = 0; j < p.size; ++j)
                for (Index e = p.column_start[j]; e < p.column_start[j + 1]; ++e) {
                    visit(p.row[e], j, e);
                    if (p.row[e] != j) visit(j, p.row[e], e);
                }
        };
        for_entries([&](Index i, Index, Index) { ++start[i + 1]; });
        for (Index i = 0; i < p.size; ++i) start[i + 1] += start[i];
        entries.resize(start.back());
        std::vector<Index> next = start;
        for_entries([&](Index i, Index j, Index e) {
            entries[next[i]++] = {j, varies[e] ? e : -1, a.constant()[e]};
        });
    }
};

template <int W>
M4DL_INLINE void multiply_kernel(const SymmetricRows& a, const double* values, const double* p,
                                 double* w, Index begin, Index end) {
    constexpr int L = static_cast<int>(kLanes);
    for (Index i = begin; i < end; ++i)
        for (int h = 0; h < L; h += W) {
            Real<W> sum{};
            for (Index e = a.start[i]; e < a.start[i + 1]; ++e) {
                const auto& [j, varying, constant] = a.entries[e];
                const Real<W> x = load<W>(p + j * L + h);
                sum += varying < 0 ? constant * x : load<W>(values + varying * L + h) * x;
            }
            store<W>(w + i * L + h, sum);
        }
}

M4DL_DISPATCH(multiply_kernel, multiply,
              (const SymmetricRows& a, const double* values, const double* p, double* w,
               Index begin, Index end),
              (a, values, p, w, begin, end))

class FrozenSolver final : public EllipticSolver {
public:
    FrozenSolver(SharedOperator a, const Matrix& coordinates, const Vector& reference,
                 double tolerance)
        : a_(std::move(a)),
          rows_(*a_),
          symbolic_(std::make_shared<Symbolic>(analyse(a_->pattern(), coordinates))),
          coefficient_(reference),
          factor_(factor_at(reference)),
          tolerance_(tolerance) {
        require(factor_ != nullptr,
                "solver='frozen' needs a positive definite matrix at theta = 0");
    }

    std::string name() const override { return "frozen"; }
    std::unique_ptr<EllipticSolver::Work> work() const override {
        return std::make_unique<Work>(*this);
    }
    SharedReference reference(const Vector& c) const override {
        return c == coefficient_ ? factor_ : factor_at(c);
    }

private:
    struct Factor final : Reference {
        Factor(std::shared_ptr<const Symbolic> symbolic, const Vector& values)
            : cholesky(std::move(symbolic), values) {}
        SingleCholesky cholesky;
    };

    std::shared_ptr<const Factor> factor_at(const Vector& coefficient) const {
        Block values = a_->values();
        a_->assemble(coefficient.array().replicate(1, kLanes), values);
        auto factor = std::make_shared<const Factor>(symbolic_, values.col(0).matrix());
        return factor->cholesky.failed() ? nullptr : factor;
    }

    struct Work final : EllipticSolver::Work {
        explicit Work(const FrozenSolver& s)
            : solver(s),
              factor(s.factor_),
              values(s.a_->values()),
              preconditioned(FloatBlock::Zero(s.a_->size(), kLanes)),
              scratch(preconditioned),
              cg(s.a_->size()) {}

        void solve(const Block& c, std::span<Block> rhs) override {
            solver.a_->assemble(c, values);
            for (Block& x : rhs) solve(x);
        }
        void solve(Block& x) override {
            conjugate_gradients(
                x, solver.tolerance_, kMostIterations,
                [&](const Block& p, Block& w) {
                    for_ranges(p.rows(), 8, [&](Index begin, Index end) {
                        multiply(solver.rows_, values.data(), p.data(), w.data(), begin, end);
                    });
                },
                [&](const Block& r) -> const FloatBlock& {
                    factor->cholesky.solve(r, preconditioned, scratch);
                    return preconditioned;
                },
                cg);
        }
        Lanes iterations() const override { return cg.iterations; }
        void refer(SharedReference reference) override {
            factor = std::static_pointer_cast<const Factor>(std::move(reference));
        }

        const FrozenSolver& solver;
        std::shared_ptr<const Factor> factor;
        Block values;
        FloatBlock preconditioned, scratch;
        CgWorkspace cg;
    };

    SharedOperator a_;
    SymmetricRows rows_;
    std::shared_ptr<const Symbolic> symbolic_;
    Vector coefficient_;  // at theta = 0
    std::shared_ptr<const Factor> factor_;
    double tolerance_;
};

}  // namespace

std::shared_ptr<const EllipticSolver> frozen_solver(SharedOperator a, const Matrix& coordinates,
                                                    const Vector& reference, double tolerance) {
    return std::make_shared<FrozenSolver>(std::move(a), coordinates, reference, tolerance);
}

}  // namespace m4dl
