#include "m4dl/model/elliptic_solver.hpp"

#include <functional>

#include "m4dl/base/parallel.hpp"
#include "m4dl/base/simd.hpp"
#include "m4dl/linalg/aggregation.hpp"
#include "m4dl/linalg/cholesky.hpp"
#include "m4dl/linalg/conjugate_gradients.hpp"

namespace m4dl {
namespace {

using simd::load, simd::Real, simd::store;

constexpr int kMostIterations = 400;
constexpr Index kWorthThreads = 128 * 128;  // unknowns from which one solve feeds several threads

// All entries of a symmetric matrix by rows, as needed for w = A p without scattering: where an
// entry varies it is read from the values of the lower triangle, else it is one constant.
struct SymmetricRows {
    struct Entry {
        std::int32_t column, varying;  // -1: constant
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
            entries[next[i]++] = {static_cast<std::int32_t>(j),
                                  static_cast<std::int32_t>(varies[e] ? e : -1), a.constant()[e]};
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
                const Real<W> x = load<W>(p + Index{j} * L + h);
                sum += varying < 0 ? constant * x : load<W>(values + Index{varying} * L + h) * x;
            }
            store<W>(w + i * L + h, sum);
        }
}

M4DL_DISPATCH(multiply_kernel, multiply,
              (const SymmetricRows& a, const double* values, const double* p, double* w,
               Index begin, Index end),
              (a, values, p, w, begin, end))

// B close to the inverse of A at a reference coefficient, in single precision, for all chains.
struct Preconditioner : ReferenceState {
    // At work on one block of chains: from `rhs` to `result`, which may be the same.
    struct Work {
        virtual ~Work() = default;
        virtual FloatBlock& rhs() = 0;
        virtual FloatBlock& result() = 0;
        virtual void apply() = 0;
    };
    virtual std::unique_ptr<Work> work() const = 0;

    Vector diagonal;  // of A at the reference
};
using SharedPreconditioner = std::shared_ptr<const Preconditioner>;

struct FactorPreconditioner final : Preconditioner {
    FactorPreconditioner(const std::shared_ptr<const Symbolic>& symbolic, const Vector& values)
        : cholesky(symbolic, values), size(symbolic->size) {}

    struct Work final : Preconditioner::Work {
        explicit Work(const FactorPreconditioner& p)
            : owner(p), z(FloatBlock::Zero(p.size, kLanes)), scratch(z) {}
        FloatBlock& rhs() override { return z; }
        FloatBlock& result() override { return z; }
        void apply() override { owner.cholesky.solve(z, scratch); }

        const FactorPreconditioner& owner;
        FloatBlock z, scratch;
    };
    std::unique_ptr<Preconditioner::Work> work() const override {
        return std::make_unique<Work>(*this);
    }

    SingleCholesky cholesky;
    Index size;
};

struct CyclePreconditioner final : Preconditioner {
    CyclePreconditioner(const LowerPattern& pattern, const Vector& values)
        : aggregation(pattern, values) {}

    struct Work final : Preconditioner::Work {
        explicit Work(const Aggregation& a) : aggregation(a), fields(a.workspace()) {}
        FloatBlock& rhs() override { return fields[0].rhs; }
        FloatBlock& result() override { return fields[0].x; }
        void apply() override { aggregation.cycle(fields); }

        const Aggregation& aggregation;
        Aggregation::Workspace fields;
    };
    std::unique_ptr<Preconditioner::Work> work() const override {
        return std::make_unique<Work>(aggregation);
    }

    Aggregation aggregation;
};

// From the values of the lower triangle; null where they are of no positive definite matrix.
using Prepare = std::function<std::shared_ptr<Preconditioner>(const Vector& values)>;

// Conjugate gradients with such a B. Where couplings vary with c it is carried from the reference to
// each state by S B S, S^2 the diagonal of A(reference) over that of A(c): with u = S v the equation
// -div(k grad u) = f becomes one whose leading coefficient is the reference's, with a potential
// (Concus, Golub, SIAM J. Numer. Anal. 10, 1973), so that contrast as such costs no iterations.
class ReferenceSolver final : public EllipticSolver {
public:
    ReferenceSolver(std::string name, SharedOperator a, Prepare prepare, const Vector& reference,
                    bool threaded, double tolerance)
        : name_(std::move(name)),
          a_(std::move(a)),
          scaled_(!a_->varies_on_diagonal_only()),
          rows_(*a_),
          prepare_(std::move(prepare)),
          coefficient_(reference),
          preconditioner_(prepared(reference)),
          threaded_(threaded),
          tolerance_(tolerance) {}

    // Whether A is positive definite at the first reference.
    bool ready() const { return preconditioner_ != nullptr; }
    std::string name() const override { return name_; }
    bool threaded() const override { return threaded_; }
    std::unique_ptr<EllipticSolver::Work> work() const override {
        return std::make_unique<Work>(*this);
    }
    SharedReferenceState reference(const Vector& c) const override {
        return c == coefficient_ ? preconditioner_ : prepared(c);
    }

private:
    SharedPreconditioner prepared(const Vector& coefficient) const {
        Block values = a_->values();
        a_->assemble(coefficient.array().replicate(1, kLanes), values);
        auto out = prepare_(values.col(0).matrix());
        if (out) {
            out->diagonal.resize(a_->size());
            for (Index i = 0; i < a_->size(); ++i) out->diagonal[i] = values(diagonal(i), 0);
        }
        return out;
    }
    // The place of the i-th diagonal entry, the first of its column.
    Index diagonal(Index i) const { return a_->pattern().column_start[i]; }

    struct Work final : EllipticSolver::Work {
        explicit Work(const ReferenceSolver& s)
            : solver(s),
              values(s.a_->values()),
              scale(FloatBlock::Zero(s.scaled_ ? s.a_->size() : 0, kLanes)),
              cg(s.a_->size()) {
            refer(s.preconditioner_);
        }

        void solve(const Block& c, std::span<Block> rhs, std::span<const Vector>) override {
            solver.a_->assemble(c, values);
            const Vector& there = preconditioner->diagonal;
            for_rows(scale.rows(), [&](Index i) {
                scale.row(i) = (there[i] / values.row(solver.diagonal(i))).sqrt().cast<float>();
            });
            for (Block& x : rhs) solve(x);
        }
        void solve(Block& x) override {
            const Lanes failed = conjugate_gradients(
                x, solver.tolerance_, kMostIterations, Preconditioned::kByReference,
                [&](const FloatBlock& z, const Lanes* beta, Block& p, Block& w) {
                    cg::direction(z, beta, p);
                    for_ranges(p.rows(), 8, [&](Index begin, Index end) {
                        multiply(solver.rows_, values.data(), p.data(), w.data(), begin, end);
                    });
                    return cg::dot(p, w);
                },
                [&](const Block& r, bool) -> const FloatBlock& { return precondition(r); }, cg);
            for_rows(x.rows(), [&](Index k) { x.row(k) = cg.solution.row(k) + failed; });
        }
        const FloatBlock& precondition(const Block& r) {
            FloatBlock &in = at_work->rhs(), &out = at_work->result();
            for_rows(r.rows(), [&](Index k) { in.row(k) = r.row(k).cast<float>(); });
            for_rows(scale.rows(), [&](Index k) { in.row(k) *= scale.row(k); });
            at_work->apply();
            for_rows(scale.rows(), [&](Index k) { out.row(k) *= scale.row(k); });
            return out;
        }
        Lanes iterations() const override { return cg.iterations; }
        void refer(SharedReferenceState reference) override {
            preconditioner = std::static_pointer_cast<const Preconditioner>(std::move(reference));
            at_work = preconditioner->work();
        }

        const ReferenceSolver& solver;
        SharedPreconditioner preconditioner;
        std::unique_ptr<Preconditioner::Work> at_work;
        Block values;
        FloatBlock scale;  // empty without scaling
        CgWorkspace cg;
    };

    std::string name_;
    SharedOperator a_;
    bool scaled_;
    SymmetricRows rows_;
    Prepare prepare_;
    Vector coefficient_;  // at theta = 0
    SharedPreconditioner preconditioner_;
    bool threaded_;
    double tolerance_;
};

}  // namespace

std::shared_ptr<const EllipticSolver> frozen_solver(SharedOperator a, const Matrix& coordinates,
                                                    const Vector& reference, double tolerance) {
    auto symbolic = std::make_shared<const Symbolic>(analyse(a->pattern(), coordinates));
    auto prepare = [symbolic](const Vector& values) -> std::shared_ptr<Preconditioner> {
        auto p = std::make_shared<FactorPreconditioner>(symbolic, values);
        return p->cholesky.failed() ? nullptr : p;
    };
    auto solver = std::make_shared<ReferenceSolver>("frozen", std::move(a), prepare, reference,
                                                    false, tolerance);
    return solver->ready() ? solver : nullptr;
}

std::shared_ptr<const EllipticSolver> aggregation_solver(SharedOperator a, const Vector& reference,
                                                         double tolerance) {
    auto prepare = [a](const Vector& values) -> std::shared_ptr<Preconditioner> {
        auto p = std::make_shared<CyclePreconditioner>(a->pattern(), values);
        return p->aggregation.failed() ? nullptr : p;
    };
    const bool large = a->size() >= kWorthThreads;
    auto solver = std::make_shared<ReferenceSolver>("aggregation", std::move(a), prepare, reference,
                                                    large, tolerance);
    return solver->ready() ? solver : nullptr;
}

}  // namespace m4dl
