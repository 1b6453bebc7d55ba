//! `RunnerCkpt` in Thrift's binary protocol, as a bare struct without a message header.
//!
//! Fields are written in the order of their numbers, as the original does, so that what was read
//! can be written again byte for byte. Unknown fields are skipped.

use thiserror::Error;
use thrift::TConfiguration;
use thrift::protocol::{
    TBinaryInputProtocol, TBinaryOutputProtocol, TFieldIdentifier, TInputProtocol, TMapIdentifier,
    TOutputProtocol, TStructIdentifier, TType,
};

use super::record::{ProcessState, ProcessStatus, Record, RunnerHeader, TaskState, TaskStatus};

/// Why bytes are not a record.
#[derive(Debug, Error)]
pub enum CodecError {
    /// The bytes are not Thrift's binary protocol.
    #[error("a checkpoint record is not in Thrift's binary protocol")]
    Protocol(#[from] thrift::Error),
    /// A field that the record cannot do without is missing.
    #[error("a checkpoint record has no field `{0}`")]
    Missing(&'static str),
    /// An enum's number that this version does not know.
    #[error("a checkpoint record has `{field}` {number}, which no state has")]
    State {
        /// The field.
        field: &'static str,
        /// The number found.
        number: i32,
    },
    /// Bytes after the record's end.
    #[error("a checkpoint record has {0} bytes after its end")]
    Trailing(usize),
}

/// Reads one record.
pub fn decode(bytes: &[u8]) -> Result<Record, CodecError> {
    // Nothing in a record can be longer than the record, whatever its lengths claim.
    let limits = TConfiguration::builder()
        .max_string_size(Some(bytes.len()))
        .build()?;
    let mut rest = bytes;
    let mut input = TBinaryInputProtocol::with_config(&mut rest, true, limits);
    let mut found = None;
    each_field(&mut input, |input, id, kind| {
        match (id, kind) {
            (1, TType::Struct) => found = Some(Record::Header(header(input)?)),
            (2, TType::Struct) => found = Some(Record::Process(process(input)?)),
            (3, TType::Struct) => found = Some(Record::Task(task(input)?)),
            _ => input.skip(kind)?,
        }
        Ok(())
    })?;
    if !rest.is_empty() {
        return Err(CodecError::Trailing(rest.len()));
    }
    found.ok_or(CodecError::Missing(
        "runner_header, process_status or task_status",
    ))
}

/// Writes one record.
pub fn encode(record: &Record) -> Result<Vec<u8>, CodecError> {
    let mut bytes = Vec::with_capacity(96);
    let mut out = Output(TBinaryOutputProtocol::new(&mut bytes, true));
    out.begin()?;
    match record {
        Record::Header(header) => {
            out.field(TType::Struct, 1)?;
            out.header(header)?;
        }
        Record::Process(status) => {
            out.field(TType::Struct, 2)?;
            out.process(status)?;
        }
        Record::Task(status) => {
            out.field(TType::Struct, 3)?;
            out.begin()?;
            out.i32(1, Some(status.state as i32))?;
            out.i64(2, status.timestamp_ms)?;
            out.i32(3, Some(status.runner_pid))?;
            out.i32(4, Some(status.runner_uid))?;
            out.end()?;
        }
    }
    out.end()?;
    Ok(bytes)
}

type Input<'a, 'b> = TBinaryInputProtocol<&'a mut &'b [u8]>;

fn each_field<'a, 'b>(
    input: &mut Input<'a, 'b>,
    mut visit: impl FnMut(&mut Input<'a, 'b>, i16, TType) -> Result<(), CodecError>,
) -> Result<(), CodecError> {
    input.read_struct_begin()?;
    loop {
        let field = input.read_field_begin()?;
        if field.field_type == TType::Stop {
            break;
        }
        visit(input, field.id.unwrap_or_default(), field.field_type)?;
        input.read_field_end()?;
    }
    input.read_struct_end()?;
    Ok(())
}

fn header(input: &mut Input<'_, '_>) -> Result<RunnerHeader, CodecError> {
    let mut task_id = None;
    let mut header = RunnerHeader::default();
    each_field(input, |input, id, kind| {
        match (id, kind) {
            (1, TType::String) => task_id = Some(input.read_string()?),
            (2, TType::I64) => header.launch_time_ms = input.read_i64()?,
            (3, TType::String) => header.sandbox = input.read_string()?,
            (4, TType::String) => header.hostname = input.read_string()?,
            (5, TType::String) => header.user = input.read_string()?,
            (6, TType::Map) => header.ports = ports(input)?,
            (7, TType::String) => header.log_dir = Some(input.read_string()?),
            (8, TType::I32) => header.uid = Some(input.read_i32()?),
            _ => input.skip(kind)?,
        }
        Ok(())
    })?;
    header.task_id = task_id.ok_or(CodecError::Missing("runner_header.task_id"))?;
    Ok(header)
}

fn ports(input: &mut Input<'_, '_>) -> Result<Vec<(String, i64)>, CodecError> {
    let map = input.read_map_begin()?;
    let mut ports = Vec::new();
    for _ in 0..map.size {
        // An empty map of any types is fine; a full one must have the types of `ports`.
        if map.key_type != Some(TType::String) || map.value_type != Some(TType::I64) {
            return Err(CodecError::Missing("runner_header.ports"));
        }
        let name = input.read_string()?;
        ports.push((name, input.read_i64()?));
    }
    input.read_map_end()?;
    Ok(ports)
}

fn process(input: &mut Input<'_, '_>) -> Result<ProcessStatus, CodecError> {
    let (mut seq, mut name, mut state) = (None, None, None);
    let mut status = ProcessStatus::new("", 0, ProcessState::Waiting);
    each_field(input, |input, id, kind| {
        match (id, kind) {
            (1, TType::I64) => seq = Some(input.read_i64()?),
            (3, TType::String) => name = Some(input.read_string()?),
            (5, TType::I32) => state = Some(input.read_i32()?),
            (6, TType::Double) => status.start_time = Some(input.read_double()?),
            (7, TType::I32) => status.pid = Some(input.read_i32()?),
            (8, TType::Double) => status.stop_time = Some(input.read_double()?),
            (9, TType::I32) => status.return_code = Some(input.read_i32()?),
            (10, TType::I32) => status.coordinator_pid = Some(input.read_i32()?),
            (11, TType::Double) => status.fork_time = Some(input.read_double()?),
            _ => input.skip(kind)?,
        }
        Ok(())
    })?;
    let number = state.ok_or(CodecError::Missing("process_status.state"))?;
    status.seq = seq.ok_or(CodecError::Missing("process_status.seq"))?;
    status.process = name.ok_or(CodecError::Missing("process_status.process"))?;
    status.state = ProcessState::from_number(number).ok_or(CodecError::State {
        field: "process_status.state",
        number,
    })?;
    Ok(status)
}

fn task(input: &mut Input<'_, '_>) -> Result<TaskStatus, CodecError> {
    let (mut state, mut at, mut pid, mut uid) = (None, None, 0, 0);
    each_field(input, |input, id, kind| {
        match (id, kind) {
            (1, TType::I32) => state = Some(input.read_i32()?),
            (2, TType::I64) => at = Some(input.read_i64()?),
            (3, TType::I32) => pid = input.read_i32()?,
            (4, TType::I32) => uid = input.read_i32()?,
            _ => input.skip(kind)?,
        }
        Ok(())
    })?;
    let number = state.ok_or(CodecError::Missing("task_status.state"))?;
    Ok(TaskStatus {
        state: TaskState::from_number(number).ok_or(CodecError::State {
            field: "task_status.state",
            number,
        })?,
        timestamp_ms: at.ok_or(CodecError::Missing("task_status.timestamp_ms"))?,
        runner_pid: pid,
        runner_uid: uid,
    })
}

struct Output<'a>(TBinaryOutputProtocol<&'a mut Vec<u8>>);

impl Output<'_> {
    fn begin(&mut self) -> thrift::Result<()> {
        self.0.write_struct_begin(&TStructIdentifier::new(""))
    }

    fn end(&mut self) -> thrift::Result<()> {
        self.0.write_field_stop()?;
        self.0.write_struct_end()
    }

    fn field(&mut self, kind: TType, id: i16) -> thrift::Result<()> {
        self.0
            .write_field_begin(&TFieldIdentifier::new("", kind, id))
    }

    fn i32(&mut self, id: i16, value: Option<i32>) -> thrift::Result<()> {
        let Some(value) = value else { return Ok(()) };
        self.field(TType::I32, id)?;
        self.0.write_i32(value)
    }

    fn i64(&mut self, id: i16, value: i64) -> thrift::Result<()> {
        self.field(TType::I64, id)?;
        self.0.write_i64(value)
    }

    fn double(&mut self, id: i16, value: Option<f64>) -> thrift::Result<()> {
        let Some(value) = value else { return Ok(()) };
        self.field(TType::Double, id)?;
        self.0.write_double(value)
    }

    fn string(&mut self, id: i16, value: &str) -> thrift::Result<()> {
        self.field(TType::String, id)?;
        self.0.write_string(value)
    }

    fn header(&mut self, header: &RunnerHeader) -> thrift::Result<()> {
        self.begin()?;
        self.string(1, &header.task_id)?;
        self.i64(2, header.launch_time_ms)?;
        self.string(3, &header.sandbox)?;
        self.string(4, &header.hostname)?;
        self.string(5, &header.user)?;
        self.field(TType::Map, 6)?;
        let size = i32::try_from(header.ports.len()).unwrap_or(i32::MAX);
        self.0
            .write_map_begin(&TMapIdentifier::new(TType::String, TType::I64, size))?;
        for (name, port) in &header.ports {
            self.0.write_string(name)?;
            self.0.write_i64(*port)?;
        }
        self.0.write_map_end()?;
        if let Some(log_dir) = &header.log_dir {
            self.string(7, log_dir)?;
        }
        self.i32(8, header.uid)?;
        self.end()
    }

    fn process(&mut self, status: &ProcessStatus) -> thrift::Result<()> {
        self.begin()?;
        self.i64(1, status.seq)?;
        self.string(3, &status.process)?;
        self.i32(5, Some(status.state as i32))?;
        self.double(6, status.start_time)?;
        self.i32(7, status.pid)?;
        self.double(8, status.stop_time)?;
        self.i32(9, status.return_code)?;
        self.i32(10, status.coordinator_pid)?;
        self.double(11, status.fork_time)?;
        self.end()
    }
}
