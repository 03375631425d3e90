// A user's Python function as a forward model: called once per chain, or once per block of chains
// when it is batched. What it raises reaches the user with its own traceback and the chain's number.
// Lanes that are not finite, or whose forward failed, never reach it: they give NaN.
#pragma once

#include <optional>

#include "arrays.hpp"
#include "m4dl/model/concept.hpp"

namespace m4dl::bind {

class PythonModel {
public:
    using Good = Eigen::Array<bool, 1, kLanes>;

    struct Workspace {
        Chains chains;
        Block theta;  // of the last forward: what `gradient` is taken at
        Good solved;  // by the last forward
    };

    // Both functions return contiguous arrays of float64 (`_callback.py` sees to it).
    PythonModel(py::function forward, std::optional<py::function> gradient, Index parameters,
                Index outputs, bool batched)
        : forward_(std::move(forward)),
          gradient_(std::move(gradient)),
          parameters_(parameters),
          outputs_(outputs),
          batched_(batched) {}

    Index parameters() const { return parameters_; }
    Index outputs() const { return outputs_; }
    bool has_pull() const { return gradient_.has_value(); }
    Workspace workspace(Chains chains) const {
        return {chains, Block::Zero(parameters_, kLanes), Good::Constant(false)};
    }

    void forward(const Block& theta, Block& y, Workspace& w) const {
        w.theta = theta;
        call(forward_, "forward", w.chains, {&theta}, finite(theta), y);
        w.solved = finite(theta) && finite(y);
    }
    void pull(const Block& dy, Block& dtheta, Workspace& w) const {
        call(*gradient_, "gradient", w.chains, {&w.theta, &dy}, w.solved && finite(dy), dtheta);
    }

private:
    static Good finite(const Block& x) { return x.isFinite().colwise().all(); }

    void call(const py::function& function, const char* name, Chains chains,
              const std::vector<const Block*>& arguments, const Good& good, Block& out) const {
        out = lanes_nan().replicate(out.rows(), 1);
        const auto first_good = std::find(good.data(), good.data() + chains.count, true);
        if (first_good == good.data() + chains.count) return;
        const Acquired gil;
        if (!batched_) {
            for (Index k = 0; k < chains.count; ++k)
                if (good[k]) call(function, name, chains, arguments, k, {k}, out);
            return;
        }
        // A lane that is not good rides as a copy of one that is: the block keeps its size, and so
        // the other lanes their bits.
        std::vector<Index> lanes;
        for (Index k = 0; k < chains.count; ++k)
            lanes.push_back(good[k] ? k : first_good - good.data());
        call(function, name, chains, arguments, 0, lanes, out);
        for (Index k = 0; k < chains.count; ++k)
            if (!good[k]) out.col(k).setConstant(lanes_nan()[0]);
    }

    // Gives the function these lanes, and puts what it returns at `first` and after.
    void call(const py::function& function, const char* name, Chains chains,
              const std::vector<const Block*>& arguments, Index first,
              const std::vector<Index>& lanes, Block& out) const {
        const auto count = static_cast<Index>(lanes.size());
        py::tuple inputs(arguments.size());
        for (std::size_t a = 0; a < arguments.size(); ++a) inputs[a] = copy(*arguments[a], lanes);
        PyObject* const raw =
            alive([&] { return PyObject_CallObject(function.ptr(), inputs.ptr()); });
        if (!raw) {
            py::error_already_set error;
            const py::str note = where(name, chains, first, count);
            const py::object added = py::reinterpret_steal<py::object>(alive([&] {
                return PyObject_CallMethod(error.value().ptr(), "add_note", "O", note.ptr());
            }));
            if (!added) PyErr_Clear();
            throw error;
        }
        const auto result = py::reinterpret_steal<py::object>(raw);
        require(py::isinstance<Array>(result), name, " must return float64 numbers");
        const auto values = py::reinterpret_borrow<Array>(result);
        require(values.size() == count * out.rows(), name, " must return ", count * out.rows(),
                " numbers, got ", values.size());
        for (Index lane = 0; lane < count; ++lane)
            out.col(first + lane) =
                Eigen::Map<const Vector>(values.data() + lane * out.rows(), out.rows());
    }

    // (size,) or, batched, (lanes, size): a copy the user's function may keep or change.
    py::object copy(const Block& block, const std::vector<Index>& lanes) const {
        const auto count = static_cast<Index>(lanes.size());
        Array out = batched_ ? Array({count, block.rows()}) : Array(block.rows());
        for (Index r = 0; r < count; ++r)
            Eigen::Map<Vector>(out.mutable_data() + r * block.rows(), block.rows()) =
                block.col(lanes[r]).matrix();
        return out;
    }

    static std::string where(const char* name, Chains chains, Index lane, Index rows) {
        const Index first = chains.first + lane;
        std::string text = std::string("raised by the model's ") + name + " function for chain";
        if (rows == 1) return text + " " + std::to_string(first);
        return text + "s " + std::to_string(first) + " to " + std::to_string(first + rows - 1);
    }

    py::function forward_;
    std::optional<py::function> gradient_;
    Index parameters_, outputs_;
    bool batched_;
};

static_assert(ForwardModel<PythonModel> && HasPull<PythonModel>);

}  // namespace m4dl::bind
